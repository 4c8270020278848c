"""Whether disk and memory have room for an export; checked before any work."""

import shutil
from pathlib import Path

import psutil

from onnx_export.errors import RoomError

# For graph, tokenizer, manifest and journal; and a file system should not become entirely full.
_SPARE_DISK_BYTES = 64 << 20
# An export of Lite at its full size takes up to 293 MB, on many processors somewhat more.
_MEMORY_BYTES = 1 << 29


def require_disk_space(folder: Path, num_bytes: int) -> None:
    """Raise ``RoomError`` unless ``num_bytes`` more fit on the disk of ``folder``."""
    needed = num_bytes + _SPARE_DISK_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RoomError(
            f"The export needs {_gigabytes(needed)} GB more on the disk of {folder}, and "
            f"{_gigabytes(free)} GB are free. Make room, or name a folder on another disk."
        )


def require_memory() -> None:
    """Raise ``RoomError`` unless the machine has the memory that an export takes."""
    available = psutil.virtual_memory().available
    if available < _MEMORY_BYTES:
        raise RoomError(
            f"The export needs {_gigabytes(_MEMORY_BYTES)} GB of memory, and "
            f"{_gigabytes(available)} GB are available. Close other programs and run it again."
        )


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f}"
