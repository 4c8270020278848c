"""Where in a source file a session can happen: its functions, and its calls within lines."""

import re
from dataclasses import dataclass

_BRACE_HEAD = re.compile(
    r"^[ \t]*(?:export |pub |async |static |private |public )*(?:func|fn|function|impl)\b.*\{$"
    r"|^[ \t]+(?:async |private |static )*[a-z]\w*\(.*\).*\{$"
)
_PYTHON_HEAD = re.compile(r"^[ \t]*(?:async )?def \w+\(")
_CALL = re.compile(r"\w\(([^()\n]{6,60})\)(?=[^\n]*\S)")
_NOT_CALLS = re.compile(
    r"^\s*(?://|#|\*|func |fn |pub |def |async |export |class |if |for |while )"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a source text, by offsets."""

    start: int
    end: int


def functions(source: str, language: str) -> list[Span]:
    """Return the functions and methods from their first line, unindented, to their last."""
    lines = source.split("\n")
    spans = []
    offset = 0
    for i, line in enumerate(lines):
        head = _PYTHON_HEAD if language == "python" else _BRACE_HEAD
        if head.match(line) and not line.lstrip().startswith(("if ", "for ", "switch ", "while ")):
            last = _last_line(lines, i, language)
            indent = len(line) - len(line.lstrip())
            length = len("\n".join(lines[i : last + 1]))
            spans.append(Span(offset + indent, offset + length))
        offset += len(line) + 1
    return spans


def arguments(source: str) -> list[Span]:
    """Return what stands between the brackets of calls that more of the line follows."""
    spans = []
    offset = 0
    for line in source.split("\n"):
        if not _NOT_CALLS.match(line):
            spans += [
                Span(offset + match.start(1), offset + match.end(1))
                for match in _CALL.finditer(line)
            ]
        offset += len(line) + 1
    return spans


def _last_line(lines: list[str], first: int, language: str) -> int:
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = first
    for i in range(first + 1, len(lines)):
        line = lines[i]
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth <= indent:
            is_signature = language == "python" and line.lstrip().startswith(")")
            if language != "python":
                return i
            if not is_signature:
                return last
        if line.strip():
            last = i
    return last
