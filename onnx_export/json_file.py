"""Reading a JSON object from a file, with errors that name the file."""

import json
from pathlib import Path
from typing import Any

from onnx_export.errors import ExportError


def read_json(path: Path, error: type[ExportError], purpose: str) -> dict[str, Any]:
    """Return the object in ``path``. Raises ``error``, saying what the file is needed for."""
    return parse_json(read_bytes(path, error, purpose), str(path), error)


def read_bytes(path: Path, error: type[ExportError], purpose: str) -> bytes:
    """Return the content of ``path``. Raises ``error``, saying what the file is needed for."""
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise error(f"{path} is missing; it is needed for {purpose}.") from exc
    except OSError as exc:
        raise error(f"{path} cannot be read: {exc}. Check the file and its permissions.") from exc


def parse_json(content: bytes, origin: str, error: type[ExportError]) -> dict[str, Any]:
    """Return the object in ``content``. Raises ``error``, naming ``origin``."""
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise error(f"{origin} cannot be read as JSON: {exc}. Download the file again.") from exc
    if not isinstance(document, dict):
        raise error(f"{origin} should hold a JSON object, found {type(document).__name__}.")
    return document
