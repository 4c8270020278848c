"""The tokens generated so far, and where others would have led."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder_lsp.generation import Branch

if TYPE_CHECKING:
    from coder_lsp.engine.decoding.sampler import SampledToken


class Path:
    """One generation's way, told token by token."""

    def __init__(self, eos: int) -> None:
        """``eos`` is the token that ends a text."""
        self._eos = eos
        self._token_ids: tuple[int, ...] = ()
        self._num_characters = 0

    def branches(self, token: SampledToken) -> tuple[Branch, ...]:
        """Return where the runners-up of the next token lead; an end leads nowhere."""
        return tuple(
            Branch((*self._token_ids, token_id), self._num_characters, logprob)
            for token_id, logprob in token.runners_up
            if token_id != self._eos
        )

    def go(self, token_id: int, text: str) -> None:
        """Go on with a token that was chosen, and the text that came of it."""
        self._token_ids += (token_id,)
        self._num_characters += len(text)
