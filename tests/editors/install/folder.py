"""Where the editors of the tests are installed."""

import os
from pathlib import Path

from testing.cache_folder import cache_folder

ENVIRONMENT_VARIABLE = "CODER_LSP_EDITORS_DIR"


def editors_folder() -> Path:
    """Return the folder of all editors, made if need be: the variable's, else the user's cache."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    folder = Path(named) if named else cache_folder() / "editors"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
