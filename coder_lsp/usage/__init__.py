"""What became of completions, counted."""
