"""Token by token to text, whole characters only."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_lsp.tokenizer import Tokenizer


class Detokenizer:
    """Holds back the bytes of an unfinished character until its last token comes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # "replace" turns bytes that can be no character into U+FFFD rather than failing.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def add(self, token_id: int) -> str:
        """Return the text that this token completes, which may be empty."""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))
