"""What is measured: a model that reads tokens and writes tokens after a past of some length."""

import random
from collections.abc import Sequence
from typing import Protocol

NUM_DECODED = 16
"""Tokens of one reading of the decoding time."""


class Subject(Protocol):
    """One side of the comparison, with one model."""

    def set_past(self, num_tokens: int) -> None:
        """Hold a past of this many tokens, which is more at each call."""
        ...

    def prefill_ms(self, token_ids: Sequence[int]) -> float:
        """Return the time of reading these tokens after the past, and drop them again."""
        ...

    def decode_ms(self, token_ids: Sequence[int]) -> float:
        """Return the time per token of as many steps of decoding after the past.

        Each side draws its stream from ``token_ids``, so that no round repeats the experts of
        another one.
        """
        ...


def random_ids(chance: random.Random, number: int, num_text_ids: int) -> list[int]:
    """Return random ids of ordinary tokens, so that every expert has its turn."""
    return [chance.randrange(num_text_ids) for _ in range(number)]
