"""The acceptance counts on disk, in the user's state folder.

Several servers add to one file under a lock. A reader sees a complete file or none.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

from coder_lsp.errors import FormatError
from coder_lsp.json_input import in_range, read_json, structure
from coder_lsp.usage.counts import Counts, Usage, UsageChange, today

_FORMAT_VERSION = 1
_LOCK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document(Counts):
    """The content of the file; the counts of all languages, editors and days are its own fields."""

    version: Annotated[int, in_range(_FORMAT_VERSION, _FORMAT_VERSION)]
    since: str
    by_language: dict[str, Counts] = field(metadata={"json": "byLanguage"})
    by_editor: dict[str, Counts] = field(metadata={"json": "byEditor"})
    by_day: dict[str, Counts] = field(metadata={"json": "byDay"})

    @property
    def usage(self) -> Usage:
        total = Counts(*(getattr(self, f.name) for f in fields(Counts)))
        groups = {
            "byLanguage": self.by_language,
            "byEditor": self.by_editor,
            "byDay": self.by_day,
        }
        return Usage(self.since, total, groups)


class UsageFile:
    """One file of counts, readable and writable by the user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Usage, str | None]:
        """Return the counts, and a message for the user if the file is damaged.

        A missing or a damaged file counts as an empty one. Raises ``OSError`` when the file cannot
        be read.
        """
        try:
            document: _Document = structure(read_json(self._path), _Document, str(self._path))
        except FileNotFoundError:
            return Usage.none(today()), None
        except FormatError as exc:
            return Usage.none(today()), (
                f"The file of acceptance counts is damaged, so counting starts again. {exc} The "
                f"damaged file is renamed to {self._damaged_path.name} at the next count."
            )
        return document.usage, None

    def add(self, changes: Iterable[UsageChange]) -> str | None:
        """Add changes; return a message for the user if the file was damaged.

        Raises ``OSError`` when the file cannot be read or written, or when another server holds its
        lock for too long.
        """
        # Importing it takes 20 ms; this runs in a thread that nobody waits for.
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
