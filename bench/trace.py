"""Editing sessions as files: reading them, and refusing what does not fit.

A trace is JSONL. Its first line is the document that is open at the start::

    {"path": "src/lexer.rs", "language": "rust", "text": "…"}

and each further line one event::

    {"t_ms": 1830, "kind": "insert", "path": "src/lexer.rs", "offset": 412, "text": "f"}

``kind`` is ``insert``, ``delete`` (``text`` is what goes), ``accept`` (an offer taken: ``text`` is
inserted), ``move`` (the cursor goes to ``offset``), ``switch`` (to another open document) or
``open`` (``text`` is the document's). Offsets count code points.
"""

import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, cast, get_args

from bench.errors import TraceError
from coder_lsp.languages import language_of_path

EventKind = Literal["insert", "delete", "move", "accept", "switch", "open"]

_HEADER = {"path": str, "language": str, "text": str}
_EVENT = {"t_ms": (int, float), "kind": str, "path": str, "offset": int, "text": str}
_MAY_LACK_TEXT = ("move", "switch")


@dataclass(frozen=True, slots=True)
class TraceDocument:
    """A document as it is when it is opened; ``language`` is an LSP language id."""

    path: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One event; ``t_ms`` counts from the session's start. Events of one keystroke share it."""

    t_ms: float
    kind: EventKind
    path: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A session; ``name`` is the file's."""

    name: str
    document: TraceDocument
    events: tuple[TraceEvent, ...]


def read_traces(folder: Path) -> list[Trace]:
    """Read all traces of a folder in the order of their names. Raises ``TraceError``."""
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise TraceError(f"There is no trace (*.jsonl) in {folder}. Name a folder that has some.")
    return [read_trace(path) for path in paths]


def read_trace(path: Path) -> Trace:
    """Read one trace. Raises ``TraceError``, naming the line.

    Whether the events fit the documents is seen when they are replayed.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise TraceError(f"{path} cannot be read as UTF-8 text: {exc}.") from exc
    objects = [(i, _parse(line, path, i)) for i, line in enumerate(lines, 1) if line.strip()]
    if not objects:
        raise TraceError(f"{path} is empty; its first line should be the document at the start.")
    (first, header), *rest = objects
    _check(header, _HEADER, f"{path}:{first}")
    document = TraceDocument(header["path"], header["language"], header["text"])
    events = tuple(_event(item, f"{path}:{i}") for i, item in rest)
    for before, after, (i, _) in zip(events, events[1:], rest[1:], strict=False):
        if after.t_ms < before.t_ms:
            raise TraceError(f"{path}:{i}: t_ms goes back from {before.t_ms} to {after.t_ms}.")
    return Trace(path.stem, document, events)


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace, one object a line."""
    document = trace.document
    header = {"path": document.path, "language": document.language, "text": document.text}
    lines = [header, *(_event_fields(event) for event in trace.events)]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="\n")


def opened_document(event: TraceEvent) -> TraceDocument:
    """Return the document that an ``open`` event opens; its language is that of its extension."""
    return TraceDocument(event.path, language_of_path(PurePath(event.path)).id, event.text)


def _event_fields(event: TraceEvent) -> dict[str, Any]:
    return {
        "t_ms": event.t_ms,
        "kind": event.kind,
        "path": event.path,
        "offset": event.offset,
        "text": event.text,
    }


def _parse(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as exc:
        raise TraceError(f"{path}:{number}: this line is not JSON: {exc}.") from exc
    if not isinstance(value, dict):
        raise TraceError(f"{path}:{number}: expected an object, found {type(value).__name__}.")
    return value


def _event(item: dict[str, Any], where: str) -> TraceEvent:
    if item.get("text") is None and item.get("kind") in _MAY_LACK_TEXT:
        item = {**item, "text": ""}
    _check(item, _EVENT, where)
    if item["kind"] not in get_args(EventKind):
        kinds = ", ".join(get_args(EventKind))
        raise TraceError(
            f"{where}: the kind {item['kind']!r} is not known; expected one of {kinds}."
        )
    kind = cast("EventKind", item["kind"])
    return TraceEvent(float(item["t_ms"]), kind, item["path"], item["offset"], item["text"])


def _check(item: dict[str, Any], fields: dict[str, Any], where: str) -> None:
    for name, kind in fields.items():
        if name not in item:
            raise TraceError(f"{where}: the field {name!r} is missing.")
        if not isinstance(item[name], kind) or isinstance(item[name], bool):
            raise TraceError(f"{where}: the field {name!r} cannot be {item[name]!r}.")
