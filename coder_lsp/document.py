r"""An open document, and the frozen view of it that a worker may keep.

Lines end at ``\n``, ``\r\n`` and ``\r`` only, as LSP has it: ``str.splitlines`` also breaks
at form feeds, U+0085 and U+2028 and would put edits on the wrong line. Offsets count code points;
the encodings of LSP's positions are the business of ``server/`` alone.
"""

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class DocumentSnapshot:
    """A document at one version with the cursor at ``offset`` (0 ≤ offset ≤ len(text))."""

    uri: str
    version: int
    language_id: str
    text: str
    offset: int

    @property
    def prefix(self) -> str:
        """The text before the cursor."""
        return self.text[: self.offset]

    @property
    def suffix(self) -> str:
        """The text after the cursor."""
        return self.text[self.offset :]

    @property
    def line_prefix(self) -> str:
        """The cursor's line up to the cursor."""
        return self.text[line_start(self.text, self.offset) : self.offset]

    @property
    def line_suffix(self) -> str:
        """The cursor's line from the cursor on, without its line end."""
        return self.text[self.offset : line_end(self.text, self.offset)]


def line_start(text: str, offset: int) -> int:
    """Return the offset at which the line of ``offset`` starts."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def line_end(text: str, offset: int) -> int:
    """Return the offset at which the line of ``offset`` ends, before its line end."""
    match = _LINE_END.search(text, offset)
    return len(text) if match is None else match.start()
