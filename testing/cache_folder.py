"""The folder for what tests and measurements download or make once."""

from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of coder-lsp in the user's cache folder, the same on every system."""
    return platformdirs.user_cache_path("coder-lsp", appauthor=False)
