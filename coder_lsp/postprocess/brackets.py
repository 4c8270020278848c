"""Closers that the suffix has already: editors put them there while the user types."""

from dataclasses import dataclass

from coder_lsp.postprocess.lines import indent_of
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Cut, Draft

_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = frozenset(_CLOSER_OF.values())
_QUOTES = frozenset("\"'`")
_END_MARKS = frozenset(";,:>")


@dataclass(frozen=True, slots=True)
class Brackets:
    """What a text leaves open and what it closes without having opened it.

    Brackets in string literals do not count. ``unclosed`` holds the closers still due, the
    innermost last; ``unmatched`` the offsets of closers too many; ``quote`` the quotation mark of
    the literal that the text ends in, or nothing; ``quote_end`` where the literal ends that the
    text starts in, or None.
    """

    unclosed: str
    unmatched: tuple[int, ...]
    quote: str
    quote_end: int | None


def scan_brackets(text: str, quote: str = "") -> Brackets:
    """Scan a text that starts inside a literal of ``quote``, or outside of any."""
    scanner = _Scanner(text, quote)
    offset = 0
    while offset < len(text):
        offset += scanner.read(offset)
    return scanner.brackets


class _Scanner:
    """Reads a text from left to right; knows whether it is inside a literal."""

    def __init__(self, text: str, quote: str) -> None:
        self._text = text
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
            is_triple = self._text.startswith(character * 3, offset)
            self._quote = character * 3 if is_triple else character
            return len(self._quote)
        if character in _CLOSER_OF:
            self._unclosed.append(_CLOSER_OF[character])
        elif character in _CLOSERS and self._unclosed:
            self._unclosed.pop()
        elif character in _CLOSERS:
            self._unmatched.append(offset)
        return 1

    def _read_quoted(self, offset: int) -> int:
        quote = self._quote
        if self._text[offset] == "\\":
            return 2
        if self._text.startswith(quote, offset):
            self._quote = ""
            if self._starts_quoted:
                self._quote_end, self._starts_quoted = offset, False
            return len(quote)
        if self._text[offset] == "\n" and quote in {"'", '"'}:
            # An apostrophe in a comment, or a literal that its writer has not finished.
            self._quote, self._starts_quoted = "", False
        return 1


def judge_closed_bracket(draft: Draft, place: Place) -> Cut | None:
    """End before the first bracket or quotation mark that the suffix closes.

    A closer belongs to the completion as long as the cursor's line has more open than the suffix
    closes: in ``f(g(‸)`` one ``)`` may be written, in ``f(‸)`` none.
    """
    before = scan_brackets(place.line_prefix)
    ending = scan_brackets(place.line_suffix, before.quote)
    if ending.quote_end is None:
        ending = scan_brackets(place.line_suffix)
    closers = "".join(place.line_suffix[i] for i in ending.unmatched)
    num_due = len(before.unclosed) - len(closers)
    if not place.line_suffix.strip() and place.lines_below:
        closers, num_closed = _closers_below(place)
        num_due -= num_closed
    completion = scan_brackets(draft.text, before.quote)
    surplus = (i for i in completion.unmatched[max(num_due, 0) :] if closers[:1] == draft.text[i])
    cuts = [Cut(i, i + 1) for i in surplus]
    if completion.quote_end is not None and ending.quote_end is not None:
        end = completion.quote_end
        cuts.append(Cut(end, end + len(before.quote)))
    return min(cuts, key=lambda cut: cut.seen, default=None)


def _closers_below(place: Place) -> tuple[str, int]:
    """Return the closers that start the next line, and how many close the cursor's line."""
    below = place.lines_below[0]
    content = below.strip()
    closers = content[: len(content) - len(content.lstrip("".join(_CLOSERS)))]
    is_of_this_line = indent_of(below) == indent_of(place.line_prefix)
    return closers, len(closers) if is_of_this_line else 0


def judge_closing_tail(draft: Draft, place: Place) -> Cut | None:
    """End before a mark such as ``;`` or ``:`` that stands right of the cursor."""
    tail = place.line_suffix.strip()
    if not tail or not _END_MARKS.issuperset(tail):
        return None
    line_end = draft.text.find("\n")
    if line_end < 0 and not draft.has_ended:
        return None
    first_line = draft.text if line_end < 0 else draft.text[:line_end]
    content = first_line.rstrip()
    if content.endswith(tail):
        return Cut(len(content) - len(tail), line_end + 1)
    content = draft.text.rstrip()
    if draft.has_ended and content.endswith(tail):
        return Cut(len(content) - len(tail), len(content))
    return None
