"""The name that a model gets here: it becomes the name of a folder."""

import re
from pathlib import Path

from coder_lsp.errors import InstallError
from coder_lsp.install.export_process import Precision, Target
from coder_lsp.install.sources import file_is_gguf
from coder_lsp.models.installed_models import EMBEDDED, PARTIAL_SUFFIX
from coder_lsp.paths import is_file_name

_MAX_LENGTH = 120


def name_of_path(path: Path) -> str:
    """Return what a model in a folder or a GGUF file is called."""
    resolved = path.resolve() if path.name in {"", ".", ".."} else path
    if file_is_gguf(resolved.name):
        return re.sub(r"-00001-of-\d{5}$", "", resolved.stem)
    # The hub's library keeps models--OWNER--NAME/snapshots/COMMIT.
    cached = re.fullmatch(r"models--.+?--(.+)", resolved.parent.parent.name)
    if cached is not None and resolved.parent.name == "snapshots":
        return cached[1]
    return resolved.name


def model_name(source_name: str, precision: Precision, target: Target) -> str:
    """Return the name of a model made of a source; what no folder could be called is replaced.

    A GGUF file whose blocks are kept says its precision itself.
    """
    words = [re.sub(r"[^\w.+-]+", "-", source_name).strip("-.") or "model"]
    if precision != "keep":
        words.append(precision)
    if target != "cpu":
        words.append(target)
    return check_name("-".join(words)[-_MAX_LENGTH:].strip("-."))


def check_name(name: str) -> str:
    """Return a name that a model can have. Raises ``InstallError``."""
    is_usable = is_file_name(name) and not name.startswith((".", "~"))
    if not is_usable or name.endswith(PARTIAL_SUFFIX) or name.lower() == EMBEDDED:
        raise InstallError(
            f"{name!r} cannot be a model's name: it becomes the name of a folder. Choose another "
            "one with --name, of letters, digits, dots and dashes."
        )
    return name
