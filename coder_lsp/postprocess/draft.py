"""A completion as the rules see it: the text so far, its lines, and where a rule cuts it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coder_lsp.postprocess.place import Place, indent_of


@dataclass(frozen=True, slots=True)
class Draft:
    """The text that the model has written so far; its lines end at a line feed.

    ``has_ended``: no more text will come, so the end of the text counts as a line end.
    """

    text: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The completion is ``text[:end]``. The rule needed ``text[:seen]`` to know that."""

    end: int
    seen: int


Judge = Callable[[Draft, Place], Cut | None]
"""Returns where to cut a draft, or None to leave it as it is.

While the model is still writing, a judge may return a cut only if no later text can change it, and
it must return the same cut for every shorter draft that contains ``text[:seen]``. A draft that is
cut while the model is writing is also cut once it has ended; ``seen`` is then ignored.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """A judge, and the name that a refusal reports."""

    name: str
    judge: Judge


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it will be in the document: the first one starts with ``Place.line_prefix``.

    ``start`` and ``end`` are offsets into the completion, without the line end. ``is_whole``:
    a line end follows, or the completion has ended.
    """

    start: int
    end: int
    content: str
    is_whole: bool

    @property
    def seen(self) -> int:
        """The offset behind the line end."""
        return self.end + 1

    @property
    def is_blank(self) -> bool:
        """Whether the line contains only blanks."""
        return not self.content.strip()

    @property
    def indent(self) -> int:
        """Columns of blanks at the start of the line."""
        return indent_of(self.content)


def lines_of(draft: Draft, place: Place) -> Iterator[Line]:
    """Yield the lines of the completion."""
    start, content = 0, place.line_prefix
    for piece in draft.text.split("\n"):
        end = start + len(piece)
        is_whole = end < len(draft.text) or draft.has_ended
        yield Line(start, end, content + piece, is_whole)
        start, content = end + 1, ""
