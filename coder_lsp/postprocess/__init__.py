"""From raw text to what is worth showing."""
