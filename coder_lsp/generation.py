"""The options of a generation, and its results, piece by piece."""

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "cancelled"]
"""``stop``: the model or a stop string ended it; ``length``: a limit on tokens did."""


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How to generate. ``temperature`` 0 is greedy; ``top_p`` and ``seed`` matter only above 0.

    ``num_branches``: how many of the likeliest other tokens to report at each step.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop_strings: tuple[str, ...] = ()
    num_branches: int = 0


@dataclass(frozen=True, slots=True)
class GenerationUsage:
    """Counts of tokens so far; ``num_cached_tokens`` of the prompt were not computed anew.

    When a generation is cancelled, ``num_prompt_tokens`` ends where the computing did.
    """

    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_generated_tokens: int = 0

    @property
    def num_new_tokens(self) -> int:
        """Prompt tokens that had to be computed."""
        return self.num_prompt_tokens - self.num_cached_tokens


@dataclass(frozen=True, slots=True)
class Branch:
    """A token that was not chosen, from which another completion can continue.

    ``token_ids`` are the tokens generated before it and the token itself, as the backend numbers
    them. ``offset`` is the number of characters before the token, ``logprob`` is the token's.
    """

    token_ids: tuple[int, ...]
    offset: int
    logprob: float


@dataclass(frozen=True, slots=True)
class GenerationChunk:
    """A piece of text as it is generated; only whole characters, ``text`` may be empty.

    ``logprobs`` holds the natural logarithm of the probability of each token generated since the
    last chunk. ``finish_reason`` is set on the last chunk only. ``usage`` counts up to here.
    """

    text: str
    logprobs: tuple[float, ...] = ()
    finish_reason: FinishReason | None = None
    usage: GenerationUsage = GenerationUsage()
    branches: tuple[Branch, ...] = ()
