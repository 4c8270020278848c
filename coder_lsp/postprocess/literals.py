"""How brackets and quotation marks pair up in a text, read without knowing its language.

A quotation mark counts as the start of a literal only where one ends again: an apostrophe, a Rust
lifetime and a quoted Lisp list do not hide the brackets behind them.
"""

import re
from dataclasses import dataclass

CLOSERS = ")]}"
LONG_MARKS = ('"""', "'''", "`")
"""Marks of literals that may have several lines."""
_OPENER_OF = {")": "(", "]": "[", "}": "{"}
_QUOTES = frozenset("\"'`")
_STRING_PREFIX = re.compile(r"(?<!\w)[rRbBfFuULt]{1,2}\Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """The brackets and quotation marks of a text.

    ``unclosed``: the closers that the text still needs, the innermost first. ``unmatched``: the
    closers that close nothing in the text, as pairs of their offset and of how much text had to be
    read to know that. ``open_marks``: offset and mark of each quotation mark that may have started
    a literal and does not end it. ``comment``: the offset of the last comment mark, or None.
    """

    unclosed: str
    unmatched: tuple[tuple[int, int], ...]
    open_marks: tuple[tuple[int, str], ...]
    comment: int | None


def read_text(
    text: str,
    line_comment: str | None = None,
    *,
    before: str = "",
    has_ended: bool = True,
    has_literals: bool = True,
) -> Reading:
    """Read a text that starts outside of any literal, right behind the character ``before``.

    If the text has not ended, it is read only as far as no later text changes the result. Without
    ``has_literals``, quotation marks are ignored.
    """
    reader = _Reader(text, line_comment, before, has_ended=has_ended, has_literals=has_literals)
    offset: int | None = 0
    while offset is not None and offset < len(text):
        offset = reader.read(offset)
    return reader.reading


def find_mark(text: str, mark: str, *, has_ended: bool = True) -> tuple[int, int] | None:
    """Return where a literal ends that the text starts in and that ``mark`` closes.

    The second number says how much text had to be read to know that. Escaped marks, apostrophes
    inside words, and literals in an interpolation such as ``${map["key"]}`` do not end it. None if
    the literal does not end, or if that is not known yet.
    """
    reader = _Reader(text, None, "", has_ended=has_ended, has_literals=True)
    depth, offset = 0, 0
    while offset < len(text):
        character = text[offset]
        if character == "\n" and mark in {"'", '"'}:
            return None
        if text.startswith(mark, offset):
            behind: int | None = offset + 1
            if depth > 0:
                behind = reader.literal_end(offset)
                is_end = behind is None and reader.has_line_end(offset)
            else:
                is_end = mark != "'" or not reader.is_apostrophe(offset)
            if is_end:
                return reader.certain(offset, len(mark))
            if behind is None:
                return None
            offset = behind
            continue
        if character in "{(":
            is_call = text[max(offset - 1, 0) : offset] in ("$", "\\") or depth > 0
            depth += character == "{" or is_call
        elif character in "})" and depth > 0:
            depth -= 1
        offset += 2 if character == "\\" and text[offset + 1 : offset + 2] != "(" else 1
    return None


class _Reader:
    """Reads a text from left to right."""

    def __init__(
        self,
        text: str,
        line_comment: str | None,
        before: str,
        *,
        has_ended: bool,
        has_literals: bool,
    ) -> None:
        self._text = text
        self._line_comment = line_comment
        self._before = before
        self._has_ended = has_ended
        self._has_literals = has_literals
        self._due: list[str] = []
        self._unmatched: list[tuple[int, int]] = []
        self._open_marks: list[tuple[int, str]] = []
        self._comment: int | None = None
        self._seen = 0

    @property
    def reading(self) -> Reading:
        return Reading(
            "".join(reversed(self._due)),
            tuple(self._unmatched),
            tuple(self._open_marks),
            self._comment,
        )

    def knows(self, offset: int) -> bool:
        """Whether the character at an offset is known, or is known to be none."""
        self._seen = max(self._seen, offset + 1)
        return offset < len(self._text) or self._has_ended

    def certain(self, offset: int, length: int) -> tuple[int, int] | None:
        """Return an offset with how much text had to be read; None if that is not there yet."""
        seen = max(self._seen, offset + length)
        return (offset, seen) if seen <= len(self._text) or self._has_ended else None

    def has_line_end(self, offset: int) -> bool:
        """Whether the whole line of an offset is known."""
        end = self._text.find("\n", offset)
        return self.knows(len(self._text) if end < 0 else end)

    def read(self, offset: int) -> int | None:
        """Read what is at ``offset``; return what to read next, None if that is not known yet."""
        character = self._text[offset]
        if character == "\\":
            return offset + 2
        if character in _QUOTES and self._has_literals:
            return self._read_quote(offset)
        if self._line_comment and self._text.startswith(self._line_comment, offset):
            return self._read_comment_mark(offset, self._line_comment)
        if character in _OPENER_OF.values():
            self._due.append(next(c for c, o in _OPENER_OF.items() if o == character))
        elif character in CLOSERS and character in self._due:
            while self._due.pop() != character:  # a bracket that nobody closed before
                pass
        elif character in CLOSERS:
            self._unmatched.append((offset, max(self._seen, offset + 1)))
        return offset + 1

    def _read_quote(self, offset: int) -> int | None:
        character = self._text[offset]
        if character == "'" and self._follows_word(offset):
            return offset + 1
        end = self.literal_end(offset)
        if end is not None:
            return end
        if not self.has_line_end(offset) or (character == "`" and not self._has_ended):
            return None
        mark = self._mark(offset)
        self._open_marks.append((offset, mark))
        return len(self._text) if len(mark) > 1 else offset + 1

    def _mark(self, offset: int) -> str:
        character = self._text[offset]
        is_triple = character != "`" and self._text.startswith(character * 3, offset)
        return character * 3 if is_triple else character

    def literal_end(self, offset: int) -> int | None:
        """Return the offset behind the literal that starts at ``offset``.

        None if it does not end, does not look like a literal, or if that is not known yet.
        """
        text, mark = self._text, self._mark(offset)
        if text[offset:] in (mark, mark * 2) and not self._has_ended:
            self.knows(len(text))
            return None  # may become three marks, which are one
        end = offset + len(mark)
        while end < len(text):
            if text[end] == "\\":
                end += 2
            elif text[end] == "\n" and mark in {"'", '"'}:
                return None
            elif text.startswith(mark, end):
                return self._behind_mark(offset, end, mark)
            else:
                end += 1
        return None

    def _behind_mark(self, start: int, end: int, mark: str) -> int | None:
        """Return the offset behind a second mark, None if it does not look like an end.

        Code does not continue a literal with a word: `'a>(x: &'a` and `'red 'green` are none.
        """
        behind = end + len(mark)
        if len(mark) > 1 or mark == "`":
            return behind
        if not self.knows(behind):
            return None
        following = self._text[behind : behind + 1]
        content = self._text[start + 1 : end]
        starts_next = mark == "'" and content[-1:].isspace() and following in (*"([{'\"",)
        if _is_word(following) or (starts_next and content.strip()):
            return None
        return behind

    def _read_comment_mark(self, offset: int, mark: str) -> int | None:
        """Skip a comment. A mark inside of a word, as in `$#` and `a#b`, does not start one."""
        behind = offset + len(mark)
        previous = self._text[offset - 1] if offset else self._before
        if previous and not previous.isspace():
            return behind
        if not self.knows(behind):
            return None
        following = self._text[behind : behind + 1]
        if mark == "#" and following and not (following.isspace() or following in "!#:"):
            return behind
        self._comment = offset
        end = self._text.find("\n", behind)
        return len(self._text) if end < 0 else end

    def is_apostrophe(self, offset: int) -> bool:
        """Whether a mark is between two letters."""
        self.knows(offset + 1)
        following = self._text[offset + 1 : offset + 2]
        return _is_word(self._previous(offset)) and _is_word(following)

    def _follows_word(self, offset: int) -> bool:
        if not _is_word(self._previous(offset)):
            return False
        start = max(0, offset - 3)
        return _STRING_PREFIX.search(self._before + self._text[start:offset]) is None

    def _previous(self, offset: int) -> str:
        return self._text[offset - 1] if offset else self._before


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
