"""How well two models agree: logits of the same tokens, and greedy continuations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Closer than this, the reference's two best tokens are as good as equal, and rounding decides.
NEAR_TIE = 1e-3
# Closer than this, in a router's logits, rounding decides which expert answers.
ROUTER_TIE = 5e-6


@dataclass(frozen=True, slots=True)
class GreedyAgreement:
    """``num_compared`` tokens of a continuation were looked at, up to a tie or a mismatch.

    ``num_agreeing`` counts over all of the continuation: whether the reference, given the very
    same tokens, would have chosen the next one too.
    """

    num_compared: int
    is_mismatch: bool
    is_near_tie: bool
    num_agreeing: int


def greedy_agreement(
    continuation: Sequence[int], reference_logits: NDArray[np.float32]
) -> GreedyAgreement:
    """Compare a greedy continuation with the reference's ``[len(continuation), vocabulary]``.

    Row i are the reference's logits after the prompt and the continuation's first i tokens. As
    long as both agree, that is what the reference itself would have generated. Comparison ends
    where the reference's two best logits differ by less than ``NEAR_TIE``, and at a mismatch.
    """
    best = reference_logits.argmax(axis=-1)
    two_best = np.partition(reference_logits, -2, axis=-1)[:, -2:]
    agrees = best == np.asarray(continuation)
    ties = two_best[:, 1] - two_best[:, 0] < NEAR_TIE
    num_compared = 0
    for is_tie, is_equal in zip(ties, agrees, strict=True):
        if is_tie or not is_equal:
            return GreedyAgreement(
                num_compared + (not is_tie), not is_tie, bool(is_tie), int(agrees.sum())
            )
        num_compared += 1
    return GreedyAgreement(
        num_compared, is_mismatch=False, is_near_tie=False, num_agreeing=int(agrees.sum())
    )


def rows_before_router_tie(margins: NDArray[np.float32]) -> int:
    """Return how many of N positions come before the first one where rounding chose an expert.

    ``margins`` [N] are the reference's. What comes after attends to that position too, so two right
    implementations may differ there by what two experts differ by.
    """
    ties = np.flatnonzero(margins < ROUTER_TIE)
    return int(ties[0]) if len(ties) else len(margins)


def relative_error(logits: NDArray[np.float32], reference_logits: NDArray[np.float32]) -> float:
    """Return the root mean square of the differences as a part of the reference's spread.

    The spread is that of a position's logits around their mean.
    """
    spread = reference_logits - reference_logits.mean(axis=-1, keepdims=True)
    return _root_mean_square(logits - reference_logits) / _root_mean_square(spread)


def _root_mean_square(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def max_abs_error(logits: NDArray[np.float32], reference_logits: NDArray[np.float32]) -> float:
    """Return the greatest difference between two arrays of logits of one shape; 0 of nothing."""
    return float(np.abs(logits - reference_logits).max(initial=0.0))
