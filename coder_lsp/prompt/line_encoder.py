"""Encodes text line by line and remembers lines, so that a keystroke encodes one line.

Cutting at line ends does not change the tokens: in the tokenizers of DeepSeek-Coder a newline is
always a token of its own, and the pre-tokenizer looks at each line alone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder_lsp.tokenizer import Tokenizer


class LineEncoder:
    """A bounded memory of the token ids of lines, the least recently used dropped first."""

    def __init__(self, tokenizer: Tokenizer, capacity: int = 8192) -> None:
        self._tokenizer = tokenizer
        self._capacity = capacity
        self._lines: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def encode(self, text: str) -> list[int]:
        r"""Encode a text of any number of lines; ``\r\n`` and ``\r`` are read as ``\n``."""
        return [i for line in lines_of(text) for i in self.encode_line(line)]

    def encode_line(self, line: str) -> Sequence[int]:
        r"""Encode one line, with its ``\n`` if it has one."""
        known = self._lines.get(line)
        if known is not None:
            self._lines.move_to_end(line)
            return known
        token_ids = tuple(self._tokenizer.encode(line))
        self._lines[line] = token_ids
        if len(self._lines) > self._capacity:
            self._lines.popitem(last=False)
        return token_ids


def lines_of(text: str) -> list[str]:
    r"""Split into lines that keep their ``\n``; the other line ends of LSP become ``\n``.

    The model has seen ``\n`` only: the corpus it was trained on was normalised.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])
