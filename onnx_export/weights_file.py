"""Writing the weights file in one pass, hashed on the way, and continuing an interrupted pass.

After each segment the journal gets a line with the segment's end and the sha256 of the file up to
there. The next run reads the file, trusts it up to the last sum that agrees, and writes the rest.
The result is the same as that of one uninterrupted run.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Protocol

from onnx_export.segments import Array, PlacedSegment

_PIECE_BYTES = 1 << 24

ReportBytes = Callable[[int], None]


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What the manifest says of a file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Mark:
    """So many segments are complete: they end at ``end``, and this is the sum of all before it."""

    num_segments: int
    end: int
    sha256: str


class WeightsFile:
    """A file that is written segment by segment, and its journal."""

    def __init__(self, path: Path, journal: Path, segments: Sequence[PlacedSegment]) -> None:
        self._path = path
        self._journal = journal
        self._segments = segments
        self._sum: _Hash = hashlib.sha256()
        self._size = 0
        self._num_complete = 0

    @property
    def size(self) -> int:
        """Bytes that are written and trusted."""
        return self._size

    @property
    def found_size(self) -> int:
        """Bytes that an earlier run left, trusted or not."""
        return self._path.stat().st_size if self._path.is_file() else 0

    def trust(self, on_bytes: ReportBytes) -> None:
        """Read what an earlier run left, up to the last right sum, and cut off the rest."""
        if not self._path.is_file():
            return
        trusted = list[_Mark]()
        with self._path.open("rb") as file:
            for mark in _read_marks(self._journal):
                if not self._agrees(file, mark, on_bytes):
                    break
                trusted.append(mark)
        last = trusted[-1] if trusted else _Mark(0, 0, "")
        if self._size != last.end:
            # The sum includes bytes beyond the last mark; it is computed again without them.
            self._sum, self._size = hashlib.sha256(), 0
            with self._path.open("rb") as file:
                self._take_in(file, last.end, on_bytes)
        self._num_complete = last.num_segments
        with self._path.open("r+b") as file:
            file.truncate(last.end)
        self._journal.write_text("".join(map(_line, trusted)), encoding="utf-8")

    def write(self, on_bytes: ReportBytes) -> FileEntry:
        """Write what is missing. ``on_bytes`` is told the size reached, piece by piece."""
        with self._path.open("ab") as file, self._journal.open("a", encoding="utf-8") as journal:
            for placed in self._segments[self._num_complete :]:
                for data in _bytes_of(placed, self._size):
                    file.write(data)
                    self._sum.update(data)
                    self._size += len(data)
                    on_bytes(self._size)
                self._num_complete += 1
                # The journal must not promise bytes that are not in the file yet.
                file.flush()
                journal.write(_line(_Mark(self._num_complete, self._size, self._sum.hexdigest())))
                journal.flush()
        return FileEntry(self._size, self._sum.hexdigest())

    def _agrees(self, file: IO[bytes], mark: _Mark, on_bytes: ReportBytes) -> bool:
        self._take_in(file, mark.end, on_bytes)
        return self._size == mark.end and self._sum.hexdigest() == mark.sha256

    def _take_in(self, file: IO[bytes], end: int, on_bytes: ReportBytes) -> None:
        while self._size < end:
            data = file.read(min(_PIECE_BYTES, end - self._size))
            if not data:
                return
            self._sum.update(data)
            self._size += len(data)
            on_bytes(self._size)


def _bytes_of(placed: PlacedSegment, position: int) -> Iterator[bytes]:
    """Yield a segment's content with zeros before each tensor, up to its place."""
    pieces = placed.segment.make()
    for tensor, offset in zip(placed.segment.tensors, placed.offsets, strict=True):
        yield bytes(offset - position)
        position = offset
        while position < offset + tensor.nbytes:
            data = _little_endian(next(pieces))
            yield data
            position += len(data)
        assert position == offset + tensor.nbytes, f"{tensor.name} was made of another size"
    assert next(pieces, None) is None, f"more was made than {placed.segment.tensors[-1].name}"


def _little_endian(piece: Array) -> bytes:
    return piece.astype(piece.dtype.newbyteorder("<"), copy=False).tobytes()


def _line(mark: _Mark) -> str:
    return json.dumps(asdict(mark)) + "\n"


def _read_marks(journal: Path) -> Iterator[_Mark]:
    if not journal.is_file():
        return
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield _Mark(**json.loads(line))
        except (TypeError, ValueError):
            # The last line may be incomplete; lines after a damaged one are not trusted either.
            return
