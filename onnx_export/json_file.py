"""Reading a JSON object from a file, with errors that name the file."""

import json
from pathlib import Path
from typing import Any

from onnx_export.errors import ExportError


def read_json(path: Path, error: type[ExportError], purpose: str) -> dict[str, Any]:
    """Return the object in ``path``. Raises ``error``, saying what the file is needed for."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise error(f"{path} is missing; it is needed for {purpose}.") from exc
    except (OSError, ValueError) as exc:
        raise error(f"{path} cannot be read as JSON: {exc}. Download the file again.") from exc
    if not isinstance(document, dict):
        raise error(f"{path} should hold a JSON object, found {type(document).__name__}.")
    return document
