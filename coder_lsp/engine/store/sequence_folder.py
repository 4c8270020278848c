"""The folder of cached sequences on disk: whole files only, private, under one byte budget.

Several servers share it. A file is written under another name and then renamed, so that a reader
sees all of it or nothing and needs no lock; renaming and making room are locked between servers.
Nothing here raises for what a disk may do: a file that cannot be read or written is not there.
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

_SUFFIX = ".kv"
_TEMPORARY_SUFFIX = ".tmp"
_ABANDONED_SECONDS = 3600
_LOCK_NAME = "lock"
_LOCK_SECONDS = 0.2
_CLEARING_LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Files of sequences and the bytes of all of them."""

    num_files: int
    num_bytes: int


class SequenceFolder:
    """Files by name, the least recently used removed first when ``budget`` bytes are reached."""

    def __init__(self, path: Path, budget: int) -> None:
        self._path = path
        self._budget = budget

    def open(self, name: str) -> BinaryIO | None:
        """Open a file for reading; None where there is none."""
        try:
            # Unbuffered: what is read are a few large pieces.
            return (self._path / name).with_suffix(_SUFFIX).open("rb", buffering=0)
        except OSError:
            return None

    def write(self, name: str, size: int, fill: Callable[[BinaryIO], None]) -> bool:
        """Put a file of ``size`` bytes in place once ``fill`` has written all of it.

        False where that was impossible; then the folder is as it was, also when ``fill`` raises.
        """
        if size > self._budget:
            return False
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.chmod(0o700)  # also when somebody else made it
            # mkstemp's files are readable and writable by the user alone.
            descriptor, temporary = tempfile.mkstemp(_TEMPORARY_SUFFIX, dir=self._path)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    fill(file)
                self._publish(Path(temporary), (self._path / name).with_suffix(_SUFFIX), size)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError:  # a full disk, a lock held for too long, a file that Windows holds open
            return False
        return True

    def touch(self, name: str) -> None:
        """Make a file the most recently used one."""
        with contextlib.suppress(OSError):
            os.utime((self._path / name).with_suffix(_SUFFIX))

    def remove(self, name: str) -> None:
        """Remove a file."""
        _unlink((self._path / name).with_suffix(_SUFFIX))

    def clear(self) -> DiskUsage:
        """Remove all files, half-written ones too; return what there was.

        Raises ``OSError`` where another server holds the lock for too long.
        """
        usage = self.usage()
        if self._path.is_dir():
            with self._locked(_CLEARING_LOCK_SECONDS):
                for path in (*self._files(_SUFFIX), *self._files(_TEMPORARY_SUFFIX)):
                    _unlink(path)
        return usage

    def usage(self) -> DiskUsage:
        """Count the files; half-written ones do not count."""
        sizes = [size for _, size, _ in self._by_use()]
        return DiskUsage(len(sizes), sum(sizes))

    def _publish(self, temporary: Path, target: Path, size: int) -> None:
        with self._locked(_LOCK_SECONDS):
            self._make_room(size, target)
            temporary.replace(target)

    def _make_room(self, size: int, target: Path) -> None:
        files = [file for file in self._by_use() if file[2] != target]
        held = sum(size for _, size, _ in files)
        for _, freed, path in files:
            if held + size <= self._budget:
                break
            _unlink(path)
            held -= freed
        for path in self._files(_TEMPORARY_SUFFIX):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    _unlink(path)

    def _by_use(self) -> list[tuple[int, int, Path]]:
        """Return time of use, size and path of each file, the least recently used first."""
        found = []
        for path in self._files(_SUFFIX):
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


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
