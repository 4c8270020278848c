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


_NUM_SORTED_FIRST = 64


@dataclass(frozen=True, slots=True)
class SampledToken:
    """``logprob``: natural logarithm of the probability among all tokens that may be generated.

    ``runners_up`` are the likeliest other tokens with theirs, as many as the options say.
    """

    token_id: int
    logprob: float
    runners_up: tuple[tuple[int, float], ...] = ()


class Sampler:
    """Greedy at temperature 0; otherwise temperature and top-p, seeded by the options."""

    def __init__(
        self, options: GenerationOptions, end_ids: Iterable[int], num_generable_ids: int
    ) -> None:
        """Choose among the ids below ``num_generable_ids``, and ``end_ids`` wherever they are."""
        self._options = options
        ends = set(end_ids)
        self._num_ids = max(num_generable_ids, max(ends, default=0) + 1)
        unused = (i for i in range(num_generable_ids, self._num_ids) if i not in ends)
        self._unused = np.fromiter(unused, np.int64)
        self._random = np.random.default_rng(options.seed)

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is always chosen."""
        return self._options.temperature <= 0

    def sample(
        self, logits: Logits, allowed_ids: npt.NDArray[np.int64] | None = None
    ) -> SampledToken:
        """Choose a token by logits ``[vocab_size]``, which are overwritten.

        If ``allowed_ids`` are given, only they are chosen from.
        """
        logits = logits[: self._num_ids]
        logits[self._unused] = -np.inf
        if allowed_ids is not None:
            allowed = logits[allowed_ids]
            logits.fill(-np.inf)
            logits[allowed_ids] = allowed
        token_id = int(logits.argmax()) if self.is_greedy else self._draw(logits)
        log_sum_exp = _log_sum_exp(logits)
        logprob = float(logits[token_id] - log_sum_exp)
        return SampledToken(token_id, logprob, self._runners_up(logits, token_id, log_sum_exp))

    def _runners_up(
        self, logits: Logits, chosen: int, log_sum_exp: float
    ) -> tuple[tuple[int, float], ...]:
        number = min(self._options.num_branches, len(logits) - 1)
        if number <= 0:
            return ()
        likeliest = np.argpartition(logits, -number - 1)[-number - 1 :]
        likeliest = likeliest[np.argsort(-logits[likeliest])]
        others = [int(i) for i in likeliest if i != chosen and np.isfinite(logits[i])]
        return tuple((i, float(logits[i] - log_sum_exp)) for i in others[:number])

    def _draw(self, logits: Logits) -> int:
        weights = np.exp((logits - logits.max()) / np.float32(self._options.temperature))
        token_ids, sums = self._nucleus(weights)
        drawn = int(np.searchsorted(sums, self._random.random() * sums[-1], side="right"))
        return int(token_ids[min(drawn, len(token_ids) - 1)])

    def _nucleus(
        self, weights: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the smallest set of tokens that reaches top_p, and the running sums of weights.

        To sort the whole vocabulary would cost more than everything else here, and a few tokens
        usually hold nearly all of the weight.
        """
        if self._options.top_p >= 1:
            return np.arange(len(weights)), weights.cumsum(dtype=np.float64)
        wanted = self._options.top_p * weights.sum(dtype=np.float64)
        num_sorted = min(_NUM_SORTED_FIRST, len(weights))
        while True:
            likeliest = np.argpartition(weights, -num_sorted)[-num_sorted:]
            likeliest = likeliest[np.argsort(-weights[likeliest])]
            sums = weights[likeliest].cumsum(dtype=np.float64)
            if sums[-1] >= wanted or num_sorted == len(weights):
                break
            num_sorted = min(num_sorted * 8, len(weights))
        # The token that crosses top_p is kept.
        num_kept = int(np.searchsorted(sums, wanted)) + 1
        return likeliest[:num_kept], sums[:num_kept]


def _log_sum_exp(logits: Logits) -> float:
    highest = float(logits.max())
    return highest + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))
