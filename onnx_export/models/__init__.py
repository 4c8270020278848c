"""One file a model type, named after it."""
