"""From a trace to keystrokes: what changes in which document, and where the cursor is then."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from bench.errors import TraceError
from bench.trace import Trace, TraceDocument, TraceEvent, opened_document

KeystrokeKind = Literal["open", "insert", "delete", "move", "accept", "switch"]

_PAIRS = ("()", "[]", "{}", "<>", '""', "''", "``")
_CLOSER = re.compile(r"""\s*[)\]}>"'`]""")
# A character with or without the closer that the editor adds, or Enter with what the editor adds:
# the indentation, and between braces a second line end and its indentation.
_TYPED = re.compile(r"""[^\r\n][)\]}>"'`]?|[ \t]+|\r?\n[ \t]*(?:\r?\n[ \t]*)?""")
_ERASED = re.compile(r"""[^\r\n]|[ \t]+|\r?\n[ \t]*|\(\)|\[\]|\{\}|""|''|``""")


@dataclass(frozen=True, slots=True)
class Edit:
    """Text from ``start`` to ``end`` gives way to ``text``; offsets as they are just before."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Keystroke:
    """What one keystroke leaves behind, and how.

    ``document`` is the one it happens in, as it was opened; ``text`` and ``cursor`` are afterwards.
    ``pause_ms`` is the time until the next keystroke. ``is_typing``: characters, newlines,
    backspaces and pairs at the cursor. An ``open`` is no keystroke of the user's in the document;
    it stands for the first look at it.
    """

    kind: KeystrokeKind
    document: TraceDocument
    edits: tuple[Edit, ...]
    text: str
    cursor: int
    pause_ms: float
    is_typing: bool


def replay(trace: Trace) -> Iterator[Keystroke]:
    """Yield a trace's keystrokes, the opening of the first document first.

    Events of the same time and document are one keystroke. Raises ``TraceError`` where an event
    does not fit the document as it is then.
    """
    groups = [list(group) for _, group in groupby(trace.events, lambda e: (e.t_ms, e.path))]
    state = _State(trace.name, trace.document)
    first = _first_cursor(trace)
    start_ms = groups[0][0].t_ms if groups else 0.0
    yield state.open(trace.document, first, start_ms)
    for i, group in enumerate(groups):
        following = groups[i + 1][0] if i + 1 < len(groups) else None
        yield state.apply(group, following)


def is_pure_typing(trace: Trace) -> bool:
    """Whether a trace is nothing but typing: the contract's ``typing`` figures are of those."""
    keystrokes = list(replay(trace))[1:]
    return bool(keystrokes) and all(keystroke.is_typing for keystroke in keystrokes)


def is_enter_between_braces(keystroke: Keystroke) -> bool:
    """Whether Enter was pressed between two brackets that then stand on lines of their own."""
    if len(keystroke.edits) != 1 or keystroke.edits[0].text.count("\n") != 2:
        return False
    edit = keystroke.edits[0]
    end = edit.start + len(edit.text)
    text = keystroke.text
    return (
        not edit.text.strip() and text[edit.start - 1 : edit.start] + text[end : end + 1] in _PAIRS
    )


class _State:
    """The documents of a session, and the cursor of each."""

    def __init__(self, name: str, document: TraceDocument) -> None:
        self._name = name
        self._documents: dict[str, TraceDocument] = {}
        self._texts: dict[str, str] = {}
        self._cursors: dict[str, int] = {}
        self._path = document.path
        self._number = 0  # of the event under way, from one

    def open(self, document: TraceDocument, cursor: int, pause_ms: float) -> Keystroke:
        self._documents[document.path] = document
        self._texts[document.path] = document.text
        self._cursors[document.path] = cursor
        self._path = document.path
        return Keystroke("open", document, (), document.text, cursor, pause_ms, is_typing=False)

    def apply(self, group: Sequence[TraceEvent], following: TraceEvent | None) -> Keystroke:
        first = group[0]
        self._number += 1
        pause_ms = 0.0 if following is None else following.t_ms - first.t_ms
        if first.kind == "open":
            self._require(0 <= first.offset <= len(first.text), first, "is outside its text")
            return self.open(opened_document(first), first.offset, pause_ms)
        is_elsewhere = first.path != self._path
        self._require(first.path in self._texts, first, "is in a document that is not open")
        text, cursor = self._texts[first.path], self._cursors[first.path]
        is_typing = not is_elsewhere and _is_typing(group, text, cursor)
        edits = [self._edit(first)]
        for event in group[1:]:
            self._number += 1
            edits.append(self._edit(event))
        self._path = first.path
        self._cursors[first.path] = _cursor_after(group, following)
        return Keystroke(
            first.kind,
            self._documents[first.path],
            tuple(edit for edit in edits if edit is not None),
            self._texts[first.path],
            self._cursors[first.path],
            pause_ms,
            is_typing,
        )

    def _edit(self, event: TraceEvent) -> Edit | None:
        """Apply one event to its document; return what it changes, None for a move."""
        text = self._texts[event.path]
        self._require(
            0 <= event.offset <= len(text), event, f"is outside its {len(text)} characters"
        )
        if event.kind in {"move", "switch"}:
            return None
        if event.kind == "delete":
            end = event.offset + len(event.text)
            found = text[event.offset : end]
            self._require(
                found == event.text, event, f"should take {event.text!r}, found {found!r}"
            )
            edit = Edit(event.offset, end, "")
        else:
            edit = Edit(event.offset, event.offset, event.text)
        self._texts[event.path] = text[: edit.start] + edit.text + text[edit.end :]
        return edit

    def _require(self, condition: bool, event: TraceEvent, problem: str) -> None:  # noqa: FBT001
        if not condition:
            raise TraceError(
                f"{self._name}, event {self._number}: the {event.kind} at offset "
                f"{event.offset} of {event.path} {problem}. The trace does not fit its documents."
            )


def _first_cursor(trace: Trace) -> int:
    """Return where the cursor stands in the first document before anything happens there."""
    path, length = trace.document.path, len(trace.document.text)
    event = next((e for e in trace.events if e.path == path and e.kind != "open"), None)
    if event is None:
        return 0
    removed = len(event.text) if event.kind == "delete" else 0
    return max(0, min(event.offset + removed, length))


def _cursor_after(group: Sequence[TraceEvent], following: TraceEvent | None) -> int:
    """Return the cursor after a keystroke.

    An event does not tell it. After text of several characters it is at the text's end, unless the
    next event happens inside, as it does in a pair of brackets that the editor closed.
    """
    last = group[-1]
    if last.kind not in {"insert", "accept"}:
        return last.offset
    end = last.offset + len(last.text)
    start = min(event.offset for event in group)
    if following is not None and following.path == last.path and following.kind != "open":
        removed = len(following.text) if following.kind == "delete" else 0
        place = following.offset + removed
        if following.kind in {"insert", "accept", "delete"} and start < place < end:
            return place
        if (
            following.kind == "move"
            and _CLOSER.fullmatch(last.text[1:])
            and following.offset == end
        ):
            return start + 1
    return start + 1 if last.text in _PAIRS else end


def _is_typing(group: Sequence[TraceEvent], text: str, cursor: int) -> bool:
    """Whether a keystroke is a character, a newline, a backspace or a pair, at the cursor."""
    kinds = [event.kind for event in group]
    first = group[0]
    if kinds == ["move"]:  # over a closer that the editor has put there; blanks may lie between
        return first.offset > cursor and _CLOSER.fullmatch(text, cursor, first.offset) is not None
    if kinds == ["delete"]:
        is_pair = first.offset == cursor - 1 and len(first.text) > 1
        is_before = first.offset + len(first.text) == cursor
        return (is_before or is_pair) and _ERASED.fullmatch(first.text) is not None
    if kinds == ["delete", "insert"]:  # Enter on a blank line takes its indentation away
        is_before = first.offset + len(first.text) == cursor and not first.text.strip(" \t")
        return is_before and group[1].offset == first.offset and group[1].text.startswith("\n")
    if any(kind != "insert" for kind in kinds) or first.offset != cursor:
        return False
    return _TYPED.fullmatch("".join(event.text for event in group)) is not None
