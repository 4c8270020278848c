"""Model folders: reading, checking and finding them."""
