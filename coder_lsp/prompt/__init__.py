"""From prefix, suffix and snippets to the token ids of a prompt."""
