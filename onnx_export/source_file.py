"""A file of the source, which must stay the same as long as it is read."""

import hashlib
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO

from onnx_export.errors import CheckpointError

_NUM_SAMPLES = 256
_SAMPLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when it was opened first; ``stamp`` changes when the file is written to."""

    path: Path
    size: int
    stamp: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> "SourceFile":
        """Note what a file is like now. Raises ``CheckpointError``."""
        try:
            with path.open("rb") as file:
                return cls(path, os.fstat(file.fileno()).st_size, _stamp(file))
        except OSError as exc:
            raise CheckpointError(f"{path} cannot be read: {exc}. Check the file.") from exc

    def read(self, offset: int, num_bytes: int) -> bytearray:
        """Return a stretch of the file. Raises ``CheckpointError`` if the file has changed."""
        try:
            with FileIO(self.path) as file:
                file.seek(offset)
                data = _read_all(file, num_bytes)
                has_changed = _stamp(file) != self.stamp
        except OSError as exc:
            raise CheckpointError(f"{self.path} cannot be read: {exc}. Check the file.") from exc
        if has_changed or len(data) != num_bytes:
            raise self.changed()
        return data

    def require_same(self) -> None:
        """Raise ``CheckpointError`` if the file is no longer what it was."""
        self.read(0, 0)

    def changed(self) -> CheckpointError:
        """Return the refusal of a file that was written to in the meantime."""
        return CheckpointError(
            f"{self.path} changed while it was read. Wait until it is complete (a download may "
            "still write to it) and run the same command again."
        )

    def content_sum(self) -> str:
        """Return a sum over the size and samples of the content, among them both ends.

        Times do not count: a copy of a file is the same file.
        """
        digest = hashlib.sha256(str(self.size).encode())
        last = max(0, self.size - _SAMPLE_BYTES)
        places = sorted({last * i // (_NUM_SAMPLES - 1) for i in range(_NUM_SAMPLES)})
        for place in places:
            digest.update(self.read(place, min(_SAMPLE_BYTES, self.size - place)))
        return digest.hexdigest()


def _stamp(file: IO[bytes] | FileIO) -> tuple[int, ...]:
    stat = os.fstat(file.fileno())
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _read_all(file: FileIO, num_bytes: int) -> bytearray:
    data = bytearray(num_bytes)
    view, done = memoryview(data), 0
    while done < num_bytes:
        count = file.readinto(view[done:])
        if not count:
            return data[:done]
        done += count
    return data
