"""What the rules look at around the cursor: a bounded window of the document."""

import re
from dataclasses import dataclass

from coder_lsp.documents.document import DocumentSnapshot, is_closing_tail
from coder_lsp.languages import language_by_id
from coder_lsp.settings import Multiline

_WINDOW = 4096
_TAB_WIDTH = 4
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLOCK_COMMENT = re.compile(r"\s*(?:/\*|\*/|\*\s|\*$|<!--|-->)")
_COMMENT_OF_ANY_LANGUAGE = re.compile(r"\s*(?:#|//|--|;|%)")


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of the cursor, in lines without their line ends.

    ``line_prefix`` and ``line_suffix`` are the cursor's line left and right of the cursor.
    ``lines_above`` and ``lines_below`` contain the other lines of the window that are not blank,
    each in the order of the document. ``reaches_end``: the window contains the end of the document.
    ``newline`` is how the document ends its lines. ``is_multiline`` says whether the completion may
    have several lines. ``line_comment`` starts a comment up to the end of its line; None where the
    language has none. ``is_instruct``: the model was trained to chat.
    """

    line_prefix: str
    line_suffix: str
    lines_above: tuple[str, ...]
    lines_below: tuple[str, ...]
    reaches_end: bool
    newline: str
    is_multiline: bool
    language_id: str
    line_comment: str | None
    is_instruct: bool

    @classmethod
    def of(
        cls, snapshot: DocumentSnapshot, multiline: Multiline, *, is_instruct: bool = False
    ) -> "Place":
        """Look around the cursor; this costs the same in a document of any size."""
        offset = snapshot.offset
        before = snapshot.text[max(0, offset - _WINDOW) : offset]
        after = snapshot.text[offset : offset + _WINDOW]
        *above, line_prefix = _LINE_END.split(before)
        line_suffix, *below = _LINE_END.split(after)
        return cls(
            line_prefix=line_prefix,
            line_suffix=line_suffix,
            lines_above=tuple(line for line in above if line.strip()),
            lines_below=tuple(line for line in below if line.strip()),
            reaches_end=offset + _WINDOW >= len(snapshot.text),
            newline=_newline(before, after),
            is_multiline=multiline == "always"
            or (multiline == "auto" and is_closing_tail(line_suffix)),
            language_id=snapshot.language_id,
            line_comment=language_by_id(snapshot.language_id).line_comment,
            is_instruct=is_instruct,
        )

    @property
    def line_above(self) -> str:
        """The nearest line above that is not blank, empty when there is none."""
        return self.lines_above[-1] if self.lines_above else ""

    @property
    def window(self) -> str:
        """The text around the cursor that the rules look at."""
        line = self.line_prefix + self.line_suffix
        return "\n".join((*self.lines_above, line, *self.lines_below))

    @property
    def code_below(self) -> tuple[str, ...]:
        """The lines below that are not comments."""
        return tuple(line for line in self.lines_below if not self._is_comment(line))

    def _is_comment(self, line: str) -> bool:
        if _BLOCK_COMMENT.match(line):
            return True
        if self.line_comment is None:
            return _COMMENT_OF_ANY_LANGUAGE.match(line) is not None
        return line.lstrip().startswith(self.line_comment)


def indent_of(line: str) -> int:
    """Return the number of columns of blanks at the start of a line."""
    blanks = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blanks.expandtabs(_TAB_WIDTH))


def _newline(before: str, after: str) -> str:
    """Return the line end nearest to the cursor, those above it first."""
    ends = _LINE_END.findall(before)[-1:] or _LINE_END.findall(after)[:1]
    return str(ends[0]) if ends else "\n"
