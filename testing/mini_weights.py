"""Where the weights of mini are, in Hugging Face's format."""

import os
from pathlib import Path

from testing.errors import InstallationError

MINI_VARIABLE = "CODER_LSP_MINI_HF"
_ROOT = Path(__file__).parent.parent
_RELEASE = Path("releases") / "mini-2026-11-27"
MINI_DEFAULT = _RELEASE.as_posix()
"""The folder in a clone: the shape of the embedded model, with the weights before the decay."""


def mini_hf_folder(named: str | None = None) -> Path:
    """Return the folder ``named``, else that of ``CODER_LSP_MINI_HF``, else the clone's own.

    A file is returned as it is: some commands take a GGUF file instead. Raises
    ``InstallationError`` if there is no file and no Hugging Face folder.
    """
    folder = Path(named or os.environ.get(MINI_VARIABLE) or _ROOT / _RELEASE)
    if not folder.is_file() and not (folder / "config.json").is_file():
        raise InstallationError(
            f"{folder} is no Hugging Face folder of mini: config.json is missing. Name one in "
            f"{MINI_VARIABLE}; a clone of the repository has one in {MINI_DEFAULT}."
        )
    return folder
