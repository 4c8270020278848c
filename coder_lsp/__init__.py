"""A language server that completes code in the middle of a file, with the model inside."""

__version__ = "0.1.0"
