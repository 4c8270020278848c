"""Encodes text line by line and remembers lines, so that a keystroke encodes one line.

A line is encoded together with the blank lines below it. The tokens are then those of the whole
text: DeepSeek-Coder's tokenizers give each newline a token of its own, and Qwen's join a newline
with the punctuation before it and with the blank lines behind it, but never with a line that holds
more than blanks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from coder_lsp.tokenizer import Tokenizer


class LineEncoder:
    """A bounded memory of the token ids of lines, the least recently used dropped first."""

    def __init__(self, tokenizer: Tokenizer, capacity: int = 8192) -> None:
        self._tokenizer = tokenizer
        self._capacity = capacity
        self._lines: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def encode(self, text: str) -> list[int]:
        r"""Encode a text of any number of lines; ``\r\n`` and ``\r`` are read as ``\n``."""
        return [i for lines in _with_blank_lines(lines_of(text)) for i in self._encode(lines)]

    def _encode(self, lines: str) -> Sequence[int]:
        known = self._lines.get(lines)
        if known is not None:
            self._lines.move_to_end(lines)
            return known
        token_ids = tuple(self._tokenizer.encode(lines))
        self._lines[lines] = token_ids
        if len(self._lines) > self._capacity:
            self._lines.popitem(last=False)
        return token_ids


def _with_blank_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join each line with the blank lines below it."""
    joined = ""
    for line in lines:
        if joined and line.strip():
            yield joined
            joined = ""
        joined += line
    if joined:
        yield joined


def lines_of(text: str) -> list[str]:
    r"""Split into lines that keep their ``\n``; the other line ends of LSP become ``\n``.

    The model has seen ``\n`` only: the corpus it was trained on was normalised.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])
