"""The models on this machine: their names, the default among them, and where each came from."""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path, PureWindowsPath

from coder_lsp.errors import FormatError, ModelFolderError
from coder_lsp.json_input import read_json, structure
from coder_lsp.models.model_folder import MANIFEST_NAME, Words
from coder_lsp.paths import default_model_path, expanded, is_file_name, models_path

EMBEDDED = "embedded"
"""The setting's value for the model that comes with the package, whatever the default is."""

PARTIAL_SUFFIX = ".partial"
"""The suffix of the folder in which the exporter works until the model is complete."""

_ORIGIN_NAME = "install.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was installed from, in a file beside the manifest.

    ``repository`` is what the user named: a repository, a repository's file, a path or a model of
    Ollama. ``commit`` identifies the content: a commit, a digest, or size and modification time.
    """

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
    """Return the folder that the setting ``model`` names; empty names the default model.

    What has no separator is the name of an installed model. A path must be absolute, because the
    working directory may be a folder of somebody else's. Raises ``ModelFolderError``.
    """
    if not setting:
        return find_model(default_model() or "") or embedded_model_path()
    if setting == EMBEDDED:
        return embedded_model_path()
    folder = find_model(setting)
    if folder is not None:
        return folder
    path = expanded(setting)
    if path.is_absolute():
        return path
    if _is_name(setting):
        raise ModelFolderError(f"There is no installed model {setting!r}. {_choices()}")
    raise ModelFolderError(
        f"{setting!r} is not an absolute path. Write the whole path of the model folder, or the "
        "name of an installed model."
    )


def find_model(name: str) -> Path | None:
    """Return the folder of an installed model; None where none has that name."""
    if not _is_name(name):
        return None
    folder = models_path() / name
    return folder if folder.is_dir() else None


def model_names() -> tuple[str, ...]:
    """Return the names of all installed models, sound or not."""
    home = models_path()
    try:
        names = [path.name for path in home.iterdir() if path.is_dir()]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if not name.endswith(PARTIAL_SUFFIX)))


def default_model() -> str | None:
    """Return the name of the default model; None if the embedded model is the default."""
    name = _chosen_default()
    return name if name is not None and find_model(name) is not None else None


def set_default_model(name: str) -> None:
    """Make an installed model, or ``EMBEDDED``, the default. Raises ``ModelFolderError``."""
    if name != EMBEDDED and find_model(name) is None:
        raise ModelFolderError(f"There is no installed model {name!r}. {_choices()}")
    path = default_model_path()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(asdict(_Default(name))), encoding="utf-8")
        temporary.replace(path)
    except OSError as exc:
        raise ModelFolderError(
            f"{path} cannot be written: {exc}. Change its permissions, or name the model in the "
            "setting 'model'."
        ) from exc


def is_default_open() -> bool:
    """Whether no default was chosen, or it is gone: the next model installed may become it."""
    return _chosen_default() != EMBEDDED and default_model() is None


def remove_model(name: str) -> None:
    """Delete an installed model; if it is the default, the embedded model becomes the default.

    Raises ``ModelFolderError``.
    """
    folder = find_model(name)
    if folder is None or name.endswith(PARTIAL_SUFFIX):
        raise ModelFolderError(f"There is no installed model {name!r}. {_choices()}")
    was_default = default_model() == name
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            # Without its manifest a folder is no model, also if the rest cannot be deleted.
            (folder / MANIFEST_NAME).unlink(missing_ok=True)
            shutil.rmtree(folder)
        if was_default:
            default_model_path().unlink(missing_ok=True)
    except OSError as exc:
        raise ModelFolderError(
            f"{folder} cannot be deleted: {exc}. Close the editors that use it, and try again."
        ) from exc


@dataclass(frozen=True, slots=True)
class _Default:
    model: str


def _chosen_default() -> str | None:
    path = default_model_path()
    with contextlib.suppress(OSError, FormatError):
        default: _Default = structure(read_json(path), _Default, str(path))
        return default.model
    return None


def _is_name(text: str) -> bool:
    # A name becomes a folder on Windows too, where "C:x" and "a\\b" lead elsewhere.
    return is_file_name(text) and PureWindowsPath(text).name == text and not text.startswith("~")


def _choices() -> str:
    names = ", ".join([EMBEDDED, *model_names()])
    return f"There are: {names}. 'coder-lsp install' shows which others can be installed."
