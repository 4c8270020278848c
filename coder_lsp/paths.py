"""Every folder of the user that coder-lsp reads or writes, and every variable that moves one.

No folder is created here, and none needs to exist.
"""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

CACHE_VARIABLE = "CODER_LSP_CACHE_DIR"
DATA_VARIABLE = "CODER_LSP_DATA_DIR"
STATE_VARIABLE = "CODER_LSP_STATE_DIR"

# Besides folders named tmp or temp.
_TEMPORARY = ("/dev/shm", "/run/user", "/var/folders", "/private/var/folders")  # noqa: S108
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows

# Importing platformdirs takes time that `initialize` should not wait for.
# ruff: noqa: PLC0415


def models_path() -> Path:
    """Return the folder of installed models."""
    return _data_path() / "models"


def default_model_path() -> Path:
    """Return the file that names the default model."""
    return _data_path() / "default-model.json"


def downloads_path() -> Path:
    """Return the folder that holds a model's weights while the model is being installed."""
    return _data_path() / "downloads"


def sequences_path() -> Path:
    """Return the folder of cached sequences."""
    return _cache_path() / "sequences"


def tensorrt_path() -> Path:
    """Return the folder of the engines that TensorRT builds."""
    return _cache_path() / "tensorrt"


def verified_path() -> Path:
    """Return the folder of records of the model files whose sha256 was right."""
    return _cache_path() / "verified"


def usage_path() -> Path:
    """Return the file of acceptance counts."""
    return _state_path() / "usage.json"


def expanded(path: str) -> Path:
    """Return a path that a user wrote, ``~`` expanded; ``~`` of an unknown user stays."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises RuntimeError)


def path_of_uri(uri: str) -> Path | None:
    """Return the local file that a URI names; None for any other document."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # a client may send anything
        return None
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        return None
    path = Path(url2pathname(parts.path))
    return path if path.is_absolute() and path.name else None


def is_nameless(uri: str) -> bool:
    """Whether a URI has a scheme at most, so that several documents of an editor may share it."""
    return re.fullmatch(r"([\w+.-]*:)?/*", uri) is not None


def is_temporary(path: Path) -> bool:
    """Whether a path is in a folder for temporary files, this system's or another's."""
    words = {part.lower() for part in path.parts[:-1]}
    folders = (tempfile.gettempdir(), *_TEMPORARY)
    return bool(words & {"tmp", ".tmp", "temp"}) or any(map(path.is_relative_to, folders))


def is_file_name(name: str) -> bool:
    """Whether a name from outside is that of a file in its folder, on Windows too."""
    has_other_meaning = re.search(r'[<>:"/\\|?*]|[. ]$', name) or _DEVICE.fullmatch(name)
    return name != "" and name.isprintable() and not has_other_meaning


def _cache_path() -> Path:
    import platformdirs

    return _named(CACHE_VARIABLE) or platformdirs.user_cache_path("coder-lsp", appauthor=False)


def _data_path() -> Path:
    import platformdirs

    return _named(DATA_VARIABLE) or platformdirs.user_data_path("coder-lsp", appauthor=False)


def _state_path() -> Path:
    import platformdirs

    return _named(STATE_VARIABLE) or platformdirs.user_state_path("coder-lsp", appauthor=False)


def _named(variable: str) -> Path | None:
    """Return the folder that an environment variable names; None where it names none."""
    value = os.environ.get(variable)
    return expanded(value) if value else None
