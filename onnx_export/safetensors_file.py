"""One safetensors file, mapped into memory and read row by row as float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 (teaches numpy, and so safetensors, the name bfloat16)
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from onnx_export.errors import CheckpointError
from onnx_export.source_file import SourceFile

# Pages of a mapping count as memory of this process once they were read. A new mapping starts
# without any, so that a checkpoint of 31 GB can be read on a machine with eight.
_MAX_MAPPED_BYTES = 1 << 28


class SafetensorsFile:
    """A file whose mapping is renewed after much of it was read. Nothing is kept in memory."""

    def __init__(self, path: Path) -> None:
        """Map the file. Raises ``CheckpointError``."""
        self.path = path
        self.source = SourceFile.open(path)
        self._file = _open(path)
        self._num_bytes_read = 0
        self.names = frozenset(self._file.keys())

    def close(self) -> None:
        """Let go of the file."""
        self._file.__exit__(None, None, None)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return tuple(self._file.get_slice(name).get_shape())

    def dtype(self, name: str) -> str:
        """Return a tensor's type, as safetensors writes it."""
        return str(self._file.get_slice(name).get_dtype())

    def rows(self, name: str, start: int, end: int) -> NDArray[np.float32]:
        """Return rows of a tensor along its first axis. Raises ``CheckpointError``."""
        return self._read(name, lambda tensor: tensor[start:end])

    def rows_of_slice(self, name: str, index: int, start: int, end: int) -> NDArray[np.float32]:
        """Return rows of one slice along a tensor's first axis. Raises ``CheckpointError``."""
        return self._read(name, lambda tensor: tensor[index, start:end])

    def _read(self, name: str, select: Callable[[Any], Any]) -> NDArray[np.float32]:
        self.source.require_same()
        if self._num_bytes_read > _MAX_MAPPED_BYTES:
            self._map_anew()
        try:
            values = np.asarray(select(self._file.get_slice(name)))
        except (SafetensorError, OSError) as exc:
            raise CheckpointError(
                f"{self.path}: the tensor {name} cannot be read: {exc}. Download the file again."
            ) from exc
        self._num_bytes_read += values.nbytes
        return values.astype(np.float32)

    def _map_anew(self) -> None:
        newer = _open(self.path)
        self.close()
        self._file = newer
        self._num_bytes_read = 0


def _open(path: Path) -> Any:
    try:
        file: Any = safe_open(path, framework="numpy")
        return file.__enter__()
    except (SafetensorError, OSError) as exc:
        raise CheckpointError(
            f"{path} is cut off or is no safetensors file: {exc}. Download it again."
        ) from exc
