"""From tokens to text, whole characters only."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_lsp.tokenizer import Tokenizer


class Detokenizer:
    """Holds back the bytes of an unfinished character until its last token comes.

    The first ``num_skipped_bytes`` are left out, because the user has typed them already. Bytes
    that are no character are left out too, and so is U+FFFD, which only stands for such bytes.
    """

    def __init__(self, tokenizer: Tokenizer, num_skipped_bytes: int = 0) -> None:
        self._tokenizer = tokenizer
        self._num_skipped_bytes = num_skipped_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")

    def add(self, token_id: int) -> str:
        """Return the text that this token completes, which may be empty."""
        text = self._tokenizer.token_bytes(token_id)
        shown = text[self._num_skipped_bytes :]
        self._num_skipped_bytes -= len(text) - len(shown)
        return self._decoder.decode(shown).replace("\N{REPLACEMENT CHARACTER}", "")
