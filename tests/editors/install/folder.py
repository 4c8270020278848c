"""Where the editors of the tests are installed."""

import os
from pathlib import Path

import platformdirs

ENVIRONMENT_VARIABLE = "CODER_LSP_EDITORS_DIR"


def editors_folder() -> Path:
    """Return the folder of all editors, made if need be: the variable's, else the user's cache."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    folder = Path(named) if named else platformdirs.user_cache_path("coder-lsp") / "editors"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
