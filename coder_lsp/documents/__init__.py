"""Open documents: their text, lines and edits."""
