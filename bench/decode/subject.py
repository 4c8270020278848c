"""What is measured: a model that reads tokens and writes tokens after a past of some length."""

import random
from collections.abc import Sequence
from typing import Protocol

NUM_DECODED = 16
"""Tokens of one reading of the decoding time."""


class Subject(Protocol):
    """One side of the comparison, with one model."""

    def set_past(self, num_tokens: int) -> None:
        """Hold a past of so many tokens; called with ever more."""
        ...

    def prefill_ms(self, token_ids: Sequence[int]) -> float:
        """Return the time of reading these tokens after the past, which is as before then."""
        ...

    def decode_ms(self) -> float:
        """Return the time per token of writing ``NUM_DECODED`` tokens after the past."""
        ...


def random_ids(chance: random.Random, number: int, num_text_ids: int) -> list[int]:
    """Return token ids of text that nobody wrote: every expert has its turn."""
    return [chance.randrange(num_text_ids) for _ in range(number)]
