"""A completion in lines, the first of them together with what it continues."""

from collections.abc import Iterator
from dataclasses import dataclass

from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Draft

_TAB_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it will stand in the document: the first one starts with ``line_prefix``.

    ``start`` and ``end`` are offsets into the completion, without the line end. ``is_whole``:
    a line end follows, or the completion has ended. ``seen`` is how much must be read to know that.
    """

    start: int
    end: int
    content: str
    is_whole: bool

    @property
    def seen(self) -> int:
        """Offset behind the line end."""
        return self.end + 1

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but blanks."""
        return not self.content.strip()

    @property
    def indent(self) -> int:
        """Columns of blanks at the line's start."""
        return indent_of(self.content)


def lines_of(draft: Draft, place: Place) -> Iterator[Line]:
    """Yield the completion's lines."""
    start, content = 0, place.line_prefix
    for piece in draft.text.split("\n"):
        end = start + len(piece)
        is_whole = end < len(draft.text) or draft.has_ended
        yield Line(start, end, content + piece, is_whole)
        start, content = end + 1, ""


def indent_of(line: str) -> int:
    """Count the columns of blanks at the start of a line."""
    blanks = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blanks.expandtabs(_TAB_WIDTH))
