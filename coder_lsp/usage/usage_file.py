"""The counts of ``usage`` on disk, in the user's own state folder.

Several servers add to one file, each change under a lock; whoever reads sees a whole file or none.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from coder_lsp.usage.counts import Usage, UsageChange, today

_FORMAT_VERSION = 1
_LOCK_SECONDS = 2.0


class UsageFile:
    """One file of counts, readable and writable by the user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Usage, str | None]:
        """Return the counts, and what the user should know where they are damaged.

        A file that is not there is a beginning, and so is a damaged one. Raises ``OSError`` when
        the file cannot be read.
        """
        try:
            return _parse(self._path.read_bytes()), None
        except FileNotFoundError:
            return Usage.none(today()), None
        except (ValueError, KeyError, TypeError, AttributeError):
            return Usage.none(today()), (
                f"The counts in {self._path} are damaged, so counting starts anew. The damaged "
                f"file is kept as {self._damaged_path.name} when the next completion is counted."
            )

    def add(self, changes: Iterable[UsageChange]) -> str | None:
        """Add changes; return what the user should know where the file was damaged.

        Raises ``OSError`` when the file cannot be read or written, or another server holds it for
        too long.
        """
        # Importing it takes 20 ms, and this runs in a thread for which nobody waits.
        from filelock import FileLock  # noqa: PLC0415

        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_SECONDS, mode=0o600):
            usage, notice = self.read()
            if notice is not None:
                self._path.replace(self._damaged_path)
            for change in changes:
                usage = usage.plus(change)
            self._write(usage)
        return notice

    @property
    def _damaged_path(self) -> Path:
        return self._path.with_suffix(".damaged.json")

    def _write(self, usage: Usage) -> None:
        # mkstemp's files are readable and writable by the user alone.
        descriptor, temporary = tempfile.mkstemp(".tmp", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": _FORMAT_VERSION, **usage.to_json()}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())  # a power cut would leave an empty file
            Path(temporary).replace(self._path)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _parse(content: bytes) -> Usage:
    document = json.loads(content)
    if document["version"] != _FORMAT_VERSION:
        raise ValueError("Expected another version.")
    return Usage.from_json(document)
