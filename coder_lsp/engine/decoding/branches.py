"""The other ways that a generation could have taken, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder_lsp.generation import Branch

if TYPE_CHECKING:
    from collections.abc import Collection

    from coder_lsp.engine.decoding.sampler import SampledToken


class Branches:
    """Follows one generation, and knows where the runners-up of each token lead."""

    def __init__(self, end_ids: Collection[int]) -> None:
        """``end_ids`` are the tokens that end a text."""
        self._end_ids = end_ids
        self._token_ids: tuple[int, ...] = ()
        self._num_characters = 0

    def of(self, token: SampledToken) -> tuple[Branch, ...]:
        """Return where the runners-up of the next token lead; an end leads nowhere."""
        return tuple(
            Branch((*self._token_ids, token_id), self._num_characters, logprob)
            for token_id, logprob in token.runners_up
            if token_id not in self._end_ids
        )

    def add(self, token_id: int, text: str) -> None:
        """Append the token that was chosen, and the text that it completed."""
        self._token_ids += (token_id,)
        self._num_characters += len(text)
