"""How much better one order is than another, with bounds by a paired bootstrap.

Cases of one problem share most of their text, so it is problems that are drawn, each with all its
cases: bounds from single cases would be too narrow. The bounds hold 95 % of the resamples.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.order.cases import CursorPlace
from bench.order.prompts import Order
from bench.order.scoring import Answer

NUM_RESAMPLES = 10_000
_BOUNDS = (2.5, 97.5)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case; ``num_bytes`` of its remainder in UTF-8."""

    kind: str
    problem: str
    cursor_place: CursorPlace
    num_bytes: int
    answers: Mapping[Order, Answer]


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimate and its 95 % bounds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """``order`` less ``baseline``: in nats per byte below 0 is better, in exact match above 0.

    ``relative_nats`` is a share of the baseline's nats per byte.
    """

    order: Order
    baseline: Order
    nats_per_byte: Difference
    relative_nats: Difference
    exact_match: Difference


def compare(outcomes: Sequence[Outcome], order: Order, baseline: Order, seed: int) -> Comparison:
    """Compare two orders on the cases of one kind. There must be at least one."""
    sums = _sums_by_problem(outcomes, order, baseline)
    generator = np.random.default_rng(seed)
    num_problems = len(sums)
    even = np.full(num_problems, 1 / num_problems)
    drawn = generator.multinomial(num_problems, even, size=NUM_RESAMPLES) @ sums
    whole = sums.sum(axis=0)[None]
    return Comparison(
        order,
        baseline,
        _difference(_nats_per_byte(whole), _nats_per_byte(drawn)),
        _difference(_relative_nats(whole), _relative_nats(drawn)),
        _difference(_exact_match(whole), _exact_match(drawn)),
    )


def _sums_by_problem(outcomes: Iterable[Outcome], order: Order, baseline: Order) -> Floats:
    """Return a row for each problem: cases, bytes, and nats and exact matches of both orders."""
    sums: dict[str, Floats] = {}
    for outcome in outcomes:
        one, other = outcome.answers[order], outcome.answers[baseline]
        row = [1, outcome.num_bytes, one.nats, other.nats, one.is_exact, other.is_exact]
        sums[outcome.problem] = sums.get(outcome.problem, np.zeros(len(row))) + np.array(row, float)
    return np.stack(list(sums.values()))


def _nats_per_byte(sums: Floats) -> Floats:
    return (sums[:, 2] - sums[:, 3]) / sums[:, 1]


def _relative_nats(sums: Floats) -> Floats:
    return sums[:, 2] / sums[:, 3] - 1


def _exact_match(sums: Floats) -> Floats:
    return (sums[:, 4] - sums[:, 5]) / sums[:, 0]


def _difference(whole: Floats, drawn: Floats) -> Difference:
    low, high = np.percentile(drawn, _BOUNDS)
    return Difference(float(whole[0]), float(low), float(high))
