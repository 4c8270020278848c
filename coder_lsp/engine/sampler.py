"""From logits to a token and its log-probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from coder_lsp.generation import GenerationOptions

    Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SampledToken:
    """``logprob``: natural logarithm of the probability among all tokens that may be generated."""

    token_id: int
    logprob: float


class Sampler:
    """Greedy at temperature 0; otherwise temperature and top-p, seeded by the options."""

    def __init__(
        self, options: GenerationOptions, banned_ids: Iterable[int], num_generable_ids: int
    ) -> None:
        self._options = options
        self._banned = np.array(sorted(i for i in banned_ids if i < num_generable_ids), np.int64)
        self._num_generable_ids = num_generable_ids
        self._random = np.random.default_rng(options.seed)

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is chosen, always."""
        return self._options.temperature <= 0

    def sample(
        self, logits: Logits, allowed_ids: npt.NDArray[np.int64] | None = None
    ) -> SampledToken:
        """Choose a token by logits ``[vocab_size]``, which are overwritten.

        ``allowed_ids``, where given, are the only tokens to choose from.
        """
        logits = logits[: self._num_generable_ids]
        logits[self._banned] = -np.inf
        if allowed_ids is not None:
            allowed = logits[allowed_ids]
            logits.fill(-np.inf)
            logits[allowed_ids] = allowed
        token_id = int(logits.argmax()) if self.is_greedy else self._draw(logits)
        return SampledToken(token_id, float(logits[token_id] - _log_sum_exp(logits)))

    def _draw(self, logits: Logits) -> int:
        scaled = logits / self._options.temperature
        order = np.argsort(-scaled)
        probabilities = np.exp(scaled[order] - _log_sum_exp(scaled))
        # The smallest set that reaches top_p, so the token that crosses it is still in.
        before = np.cumsum(probabilities) - probabilities
        probabilities[before >= max(self._options.top_p, np.finfo(np.float32).tiny)] = 0
        probabilities /= probabilities.sum()
        return int(order[self._random.choice(len(order), p=probabilities)])


def _log_sum_exp(logits: Logits) -> float:
    highest = float(logits.max())
    return highest + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))
