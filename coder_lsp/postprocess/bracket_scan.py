"""Which brackets a piece of code opens and closes, read without a parser."""

from dataclasses import dataclass

CLOSERS = ")]}"
_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_QUOTES = frozenset("\"'`")
_COMMENT = "\n"
"""A comment is read like a literal that a line end closes."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """What a text leaves open and what it closes without having opened it.

    Brackets in literals and comments do not count. ``unclosed`` holds the closers still due, the
    innermost last; ``unmatched`` the offsets of closers too many; ``quote`` what would close the
    literal or comment that the text ends in, or nothing; ``quote_end`` where the literal ends that
    the text starts in, or None.
    """

    unclosed: str
    unmatched: tuple[int, ...]
    quote: str
    quote_end: int | None


def scan_brackets(text: str, line_comment: str | None, quote: str = "") -> Brackets:
    """Scan a text that starts inside what ``quote`` closes, or outside of any literal."""
    scanner = _Scanner(text, line_comment, quote)
    offset = 0
    while offset < len(text):
        offset += scanner.read(offset)
    return scanner.brackets


class _Scanner:
    """Reads a text from left to right; knows whether it is inside a literal or a comment."""

    def __init__(self, text: str, line_comment: str | None, quote: str) -> None:
        self._text = text
        self._line_comment = line_comment
        self._quote = quote
        self._starts_quoted = bool(quote)
        self._unclosed: list[str] = []
        self._unmatched: list[int] = []
        self._quote_end: int | None = None

    @property
    def brackets(self) -> Brackets:
        return Brackets(
            "".join(self._unclosed), tuple(self._unmatched), self._quote, self._quote_end
        )

    def read(self, offset: int) -> int:
        """Read what stands at ``offset``; return how many characters that was."""
        if self._quote:
            return self._read_quoted(offset)
        character = self._text[offset]
        if character in _QUOTES:
            return self._open_literal(offset, character)
        if self._line_comment and self._text.startswith(self._line_comment, offset):
            self._quote = _COMMENT
            return len(self._line_comment)
        if character in _CLOSER_OF:
            self._unclosed.append(_CLOSER_OF[character])
        elif character in CLOSERS and self._unclosed:
            self._unclosed.pop()
        elif character in CLOSERS:
            self._unmatched.append(offset)
        return 1

    def _open_literal(self, offset: int, mark: str) -> int:
        is_lifetime = mark == "'" and self._text[max(offset - 1, 0)] in "<&"  # Rust: &'a str
        if is_lifetime:
            return 1
        self._quote = mark * 3 if self._text.startswith(mark * 3, offset) else mark
        return len(self._quote)

    def _read_quoted(self, offset: int) -> int:
        quote = self._quote
        if self._text[offset] == "\\" and quote != _COMMENT:
            return 2
        if self._text.startswith(quote, offset):
            self._quote = ""
            if self._starts_quoted:
                self._quote_end, self._starts_quoted = offset, False
            return len(quote)
        if self._text[offset] == "\n" and quote in {"'", '"'}:
            # An apostrophe in prose, or a literal that its writer has not finished.
            self._quote, self._starts_quoted = "", False
        return 1
