"""Getting a model: download, export as a child process, and a place in the user's data folder."""
