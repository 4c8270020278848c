"""Acceptance counts: how many completions were shown on this machine, and what became of them.

They are numbers by language, editor and day. They contain no text and no names of files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any

from coder_lsp.json_input import in_range

Count = Annotated[int, in_range(0, 1 << 53)]

_NUM_DAYS = 366
_GROUPS = ("byLanguage", "byEditor", "byDay")


@dataclass(frozen=True, slots=True)
class Counts:
    """Each completion counts once, however often it is answered while the user types through it.

    A shown completion that was taken whole is accepted, one that was taken in part is partially
    accepted, and one that the user typed something else for is rejected. The others were typed by
    hand or replaced by another. Characters are code points.
    """

    shown: Count = 0
    accepted: Count = 0
    partially_accepted: Count = field(default=0, metadata={"json": "partiallyAccepted"})
    rejected: Count = 0
    accepted_characters: Count = field(default=0, metadata={"json": "acceptedCharacters"})

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(a - b for a, b in zip(self._values(), other._values(), strict=True)))

    def at_least_zero(self) -> "Counts":
        """Return the same, without what a correction to a lost count leaves negative."""
        return Counts(*(max(value, 0) for value in self._values()))

    def to_json(self) -> dict[str, int]:
        """Return an object with one number for each count."""
        return {f.metadata.get("json", f.name): getattr(self, f.name) for f in fields(self)}

    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True, slots=True)
class UsageChange:
    """Counts to be added; ``day`` is an ISO date."""

    language: str
    editor: str
    day: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Usage:
    """All counts, and how they fall to languages, editors and days (the last year's)."""

    since: str
    total: Counts
    groups: Mapping[str, Mapping[str, Counts]]

    @classmethod
    def none(cls, since: str) -> "Usage":
        """Return a beginning; ``since`` is an ISO date."""
        return cls(since, Counts(), {group: {} for group in _GROUPS})

    def plus(self, change: UsageChange) -> "Usage":
        """Return the counts with a change added."""
        names = (change.language, change.editor, change.day)
        groups = {
            group: _added(self.groups[group], name, change.counts)
            for group, name in zip(_GROUPS, names, strict=True)
        }
        days = groups["byDay"]
        groups["byDay"] = {day: days[day] for day in sorted(days)[-_NUM_DAYS:]}
        return Usage(self.since, (self.total + change.counts).at_least_zero(), groups)

    def to_json(self) -> dict[str, Any]:
        """Return what ``coder-lsp stats --json`` prints."""
        groups = {
            group: {name: counts.to_json() for name, counts in self.groups[group].items()}
            for group in _GROUPS
        }
        return {"since": self.since, **self.total.to_json(), **groups}


def _added(group: Mapping[str, Counts], name: str, counts: Counts) -> dict[str, Counts]:
    return {**group, name: (group.get(name, Counts()) + counts).at_least_zero()}


class UsageTally:
    """Changes that are not on disk yet; all of one editor."""

    def __init__(self, editor: str) -> None:
        self.editor = editor
        self._counts: dict[tuple[str, str, str], Counts] = {}

    def add(self, language: str, counts: Counts) -> None:
        """Count something today."""
        key = language, self.editor, today()
        self._counts[key] = self._counts.get(key, Counts()) + counts

    def changes(self) -> tuple[UsageChange, ...]:
        """Return what has been counted."""
        return tuple(UsageChange(*key, counts) for key, counts in self._counts.items())

    def take(self) -> tuple[UsageChange, ...]:
        """Return what has been counted, and begin again."""
        changes, self._counts = self.changes(), {}
        return changes

    def put_back(self, changes: Iterable[UsageChange]) -> None:
        """Count again what was taken in vain."""
        for change in changes:
            key = change.language, change.editor, change.day
            self._counts[key] = self._counts.get(key, Counts()) + change.counts


def today() -> str:
    """Return the user's date, as ISO has it."""
    return datetime.now().astimezone().date().isoformat()
