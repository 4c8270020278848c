"""What rules look at around the cursor: a bounded window, whatever the size of the document."""

import re
from dataclasses import dataclass

from coder_lsp.documents.document import DocumentSnapshot, is_closing_tail
from coder_lsp.languages import language_by_id
from coder_lsp.settings import Multiline

_WINDOW = 4096
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of the cursor, in lines without their line ends.

    ``line_prefix`` and ``line_suffix`` are the cursor's line left and right of the cursor.
    ``line_above`` is the nearest line above that is not blank, empty when there is none;
    ``lines_below`` are those below that are not blank, nearest first. ``newline`` is how the
    document ends its lines. ``is_multiline`` says whether the completion may have several lines.
    ``line_comment`` starts a comment up to the end of its line; None where the language has none.
    """

    line_prefix: str
    line_suffix: str
    line_above: str
    lines_below: tuple[str, ...]
    newline: str
    is_multiline: bool
    line_comment: str | None

    @classmethod
    def of(cls, snapshot: DocumentSnapshot, multiline: Multiline) -> "Place":
        """Look around the cursor; costs the same in a document of any size."""
        offset = snapshot.offset
        before = snapshot.text[max(0, offset - _WINDOW) : offset]
        after = snapshot.text[offset : offset + _WINDOW]
        *above, line_prefix = _LINE_END.split(before)
        line_suffix, *below = _LINE_END.split(after)
        return cls(
            line_prefix=line_prefix,
            line_suffix=line_suffix,
            line_above=next((line for line in reversed(above) if line.strip()), ""),
            lines_below=tuple(line for line in below if line.strip()),
            newline=_newline(before, after),
            is_multiline=multiline == "always"
            or (multiline == "auto" and is_closing_tail(line_suffix)),
            line_comment=language_by_id(snapshot.language_id).line_comment,
        )


def _newline(before: str, after: str) -> str:
    """Return the line end nearest to the cursor, those above it first."""
    ends = _LINE_END.findall(before)[-1:] or _LINE_END.findall(after)[:1]
    return str(ends[0]) if ends else "\n"
