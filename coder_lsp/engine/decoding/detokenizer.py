"""From tokens to text, whole characters only."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_lsp.tokenizer import Tokenizer

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Holds back the bytes of an unfinished character until its last token comes.

    The first ``num_skipped_bytes`` are left out, because the user has typed them already. The text
    ends before bytes that are no character: U+FFFD would only be a sign of damage.
    """

    def __init__(self, tokenizer: Tokenizer, num_skipped_bytes: int = 0) -> None:
        self._tokenizer = tokenizer
        self._num_skipped_bytes = num_skipped_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._is_broken = False

    @property
    def is_broken(self) -> bool:
        """Whether the text has ended before bytes that are no character."""
        return self._is_broken

    def add(self, token_id: int) -> str:
        """Return the text that this token completes, which may be empty."""
        if self._is_broken:
            return ""
        text = self._tokenizer.token_bytes(token_id)
        shown = text[self._num_skipped_bytes :]
        self._num_skipped_bytes -= len(text) - len(shown)
        whole, replaced, _ = self._decoder.decode(shown).partition(_REPLACEMENT)
        self._is_broken = replaced != ""
        return whole
