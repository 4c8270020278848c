"""The user's installed models: their folders, their names and their origins."""

import contextlib
import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from coder_lsp.errors import FormatError
from coder_lsp.json_input import read_json, structure
from coder_lsp.models.model_folder import Words
from coder_lsp.paths import expanded, models_path

PARTIAL_SUFFIX = ".partial"
"""The suffix of the folder in which the exporter works until the model is complete."""

_ORIGIN_NAME = "install.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository and the commit that a model was made from, in a file beside the manifest."""

    repository: Words
    commit: Words

    @classmethod
    def read(cls, model_folder: Path) -> "Origin | None":
        """Return what the installer wrote; None if there is nothing that can be read."""
        path = model_folder / _ORIGIN_NAME
        with contextlib.suppress(OSError, FormatError):
            origin: Origin = structure(read_json(path), Origin, str(path))
            return origin
        return None

    def write(self, model_folder: Path) -> None:
        """Write the file into a model folder. Raises ``OSError``."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        (model_folder / _ORIGIN_NAME).write_text(text, encoding="utf-8", newline="\n")


def embedded_model_path() -> Path:
    """Return the folder of the model that comes with the package."""
    return Path(str(files("coder_lsp") / "models" / "mini"))


def model_path(setting: str) -> Path:
    """Return the folder that the setting ``model`` names; empty names the embedded model.

    The name of an installed model takes precedence over a path that reads the same.
    """
    if not setting:
        return embedded_model_path()
    return find_model(setting) or expanded(setting)


def find_model(name: str) -> Path | None:
    """Return the folder of an installed model; None where none has that name."""
    # What has a separator, a drive or a tilde is a path and no name.
    if not name or name in {".", ".."} or name.startswith("~") or Path(name).name != name:
        return None
    folder = models_path() / name
    return folder if folder.is_dir() else None


def model_names() -> tuple[str, ...]:
    """Return the names of all installed models, sound or not."""
    home = models_path()
    if not home.is_dir():
        return ()
    names = (path.name for path in home.iterdir() if path.is_dir())
    return tuple(sorted(name for name in names if not name.endswith(PARTIAL_SUFFIX)))
