"""Where completions come from: the model inside, or a script."""
