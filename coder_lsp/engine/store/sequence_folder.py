"""The folder of cached sequences on disk: complete files only, private, under one byte budget.

Several servers share it. A file is written under another name and then renamed, so that a reader
sees a complete file or none and needs no lock; renaming and making room are locked between servers.
Beside each sequence there may be a note: a small file that is removed along with it. Only files of
this user are read. No method raises when the disk fails: a file that cannot be read is not there.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEQUENCE, _NOTE, _TEMPORARY = ".kv", ".json", ".tmp"
_ABANDONED_SECONDS = 3600
_NOTE_SECONDS = 60
_LOCK_NAME = "lock"
_LOCK_SECONDS = 0.2
_CLEARING_LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """The number of sequences, and the bytes of all of them."""

    num_files: int
    num_bytes: int


class SequenceFolder:
    """Sequences and notes by name; the least recently used are removed beyond ``budget`` bytes."""

    def __init__(self, path: Path, budget: int) -> None:
        self._path = path
        self._budget = budget

    def open(self, name: str) -> BinaryIO | None:
        """Open a sequence for reading; None if there is none."""
        return self._open(self._path_of(name, _SEQUENCE))

    def write(self, name: str, size: int, fill: Callable[[BinaryIO], None]) -> bool:
        """Put a sequence of ``size`` bytes in place once ``fill`` has written all of it.

        False if that was impossible. Then the folder is unchanged, also when ``fill`` raises.
        """
        return size <= self._budget and self._write(self._path_of(name, _SEQUENCE), size, fill)

    def touch(self, name: str) -> None:
        """Mark a sequence as most recently used."""
        with contextlib.suppress(OSError):
            os.utime(self._path_of(name, _SEQUENCE))

    def read_note(self, name: str) -> bytes | None:
        """Return the note beside a sequence; None if there is none."""
        file = self._open(self._path_of(name, _NOTE))
        if file is None:
            return None
        with file, contextlib.suppress(OSError):
            return file.read()
        return None

    def write_note(self, name: str, note: bytes) -> None:
        """Write the note beside a sequence; if that is impossible, the sequence is removed too."""
        if not self._write(self._path_of(name, _NOTE), 0, lambda file: _write_all(file, note)):
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a sequence and its note."""
        for suffix in (_SEQUENCE, _NOTE):
            _unlink(self._path_of(name, suffix))

    def noted_names(self) -> list[str]:
        """Return the names of all notes; sequences that have had none for long are removed."""
        names = [path.stem for path in self._files(_NOTE)]
        for path in self._files(_SEQUENCE):
            if path.stem not in names:
                _remove_older(path, _NOTE_SECONDS)
        return names

    def clear(self) -> DiskUsage:
        """Remove all files, half-written ones too; return what there was.

        Raises ``OSError`` when another server holds the lock for too long.
        """
        usage = self.usage()
        if self._path.is_dir():
            with self._locked(_CLEARING_LOCK_SECONDS):
                for suffix in (_SEQUENCE, _NOTE, _TEMPORARY):
                    for path in self._files(suffix):
                        _unlink(path)
        return usage

    def usage(self) -> DiskUsage:
        """Count the sequences; half-written ones do not count."""
        sizes = [size for _, size, _ in self._by_use()]
        return DiskUsage(len(sizes), sum(sizes))

    def _path_of(self, name: str, suffix: str) -> Path:
        return self._path / f"{name}{suffix}"

    def _open(self, path: Path) -> BinaryIO | None:
        try:
            # Unbuffered: a reader takes a few large pieces.
            file = path.open("rb", buffering=0)
        except OSError:
            return None
        # In a folder that others can write to, a stranger could put rows of another text.
        if _is_own(os.fstat(file.fileno())):
            return file
        file.close()
        return None

    def _write(self, target: Path, size: int, fill: Callable[[BinaryIO], None]) -> bool:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_own(self._path.stat()):
                return False
            self._path.chmod(0o700)  # it may have been made by something else
            # mkstemp's files are readable and writable by the user alone.
            descriptor, temporary = tempfile.mkstemp(_TEMPORARY, dir=self._path)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    fill(file)
                with self._locked(_LOCK_SECONDS):
                    self._make_room(size, target)
                    Path(temporary).replace(target)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError:  # a full disk, a lock held for too long, a file that Windows holds open
            return False
        return True

    def _make_room(self, size: int, target: Path) -> None:
        files = [file for file in self._by_use() if file[2] != target]
        held = sum(size for _, size, _ in files)
        for _, freed, path in files:
            if held + size <= self._budget:
                break
            self.remove(path.stem)
            held -= freed
        for path in self._files(_TEMPORARY):
            _remove_older(path, _ABANDONED_SECONDS)

    def _by_use(self) -> list[tuple[int, int, Path]]:
        """Return time of use, size and path of each sequence, the least recently used first."""
        found = []
        for path in self._files(_SEQUENCE):
            with contextlib.suppress(OSError):  # another server has just removed it
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        return sorted(found)

    def _files(self, suffix: str) -> list[Path]:
        return list(self._path.glob(f"*{suffix}"))

    @contextlib.contextmanager
    def _locked(self, seconds: float) -> Iterator[None]:
        # Importing it takes 20 ms, and most runs never write.
        from filelock import FileLock  # noqa: PLC0415

        with FileLock(self._path / _LOCK_NAME, timeout=seconds, mode=0o600, poll_interval=0.01):
            yield


def _is_own(status: os.stat_result) -> bool:
    """Whether a file or folder is this user's; Windows keeps a user's folders apart by itself."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _remove_older(path: Path, seconds: float) -> None:
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > seconds:
            path.unlink(missing_ok=True)


def _write_all(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
