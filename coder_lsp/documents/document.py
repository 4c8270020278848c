r"""An open document, and the frozen view of it that a worker may keep.

Lines end at ``\n``, ``\r\n`` and ``\r`` only, as LSP has it: ``str.splitlines`` also breaks
at form feeds, U+0085 and U+2028 and would put edits on the wrong line. Offsets count code points;
the encodings of LSP's positions are the business of ``server/`` alone.
"""

import re
from dataclasses import dataclass

_CLOSER = r"""[\s)\]}>"'`;,:]"""
_CLOSING_TAIL = re.compile(f"{_CLOSER}*")
_SHORT_CLOSING_TAIL = re.compile(f"{_CLOSER}{{0,64}}")
_MAX_CLOSERS = 16
_CLOSERS_AT_END = re.compile(f"{_CLOSER}{{0,{_MAX_CLOSERS}}}\\Z")


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
    newline = text.rfind("\n", 0, offset)
    # Searched for only after the newline: most documents hold no other line end at all.
    return max(newline, text.rfind("\r", newline + 1, offset)) + 1


def line_end(text: str, offset: int) -> int:
    """Return the offset at which the line of ``offset`` ends, before its line end."""
    newline = text.find("\n", offset)
    end = len(text) if newline < 0 else newline
    carriage_return = text.find("\r", offset, end)
    return end if carriage_return < 0 else carriage_return


def is_closing_tail(text: str) -> bool:
    """Whether a text is nothing but closers, such as ``)``, ``"]``, ``);``, and blanks.

    Editors insert closers by themselves while the user types, so right of the cursor such a text
    says nothing about what is to come.
    """
    return _CLOSING_TAIL.fullmatch(text) is not None


def after_closing_tail(text: str, offset: int) -> int:
    """Return where text begins after ``offset`` that is no closing tail, looking a little ahead.

    Also over line ends: Enter between two braces moves the closing one to a later line.
    """
    tail = _SHORT_CLOSING_TAIL.match(text, offset)
    return offset if tail is None else tail.end()


def before_closers(text: str, end: int) -> int:
    """Return where the closers that ``text[:end]`` ends with begin, looking a little back."""
    # Not from the start of the text, which may have megabytes.
    closers = _CLOSERS_AT_END.search(text, max(0, end - _MAX_CLOSERS), end)
    return end if closers is None else closers.start()
