"""The figures of each kind of case, as JSON and as a table, and whether they are good enough."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from bench.order.cases import CURSOR_PLACES, DISTANCES, HEALING
from bench.order.comparison import Comparison, Difference, Outcome, compare
from bench.order.prompts import DISTANCE_ORDERS, HEALING_ORDERS, Order

MAX_RELATIVE_NATS = 0.02
MAX_EXACT_LOSS = 0.02
_DISTANCE_PAIRS: tuple[tuple[Order, Order], ...] = (
    ("anchored", "psm"),
    ("anchored", "psm_healed"),
    ("product", "psm"),
    ("product", "psm_healed"),
    ("spm", "psm"),
    ("spm_healed", "psm_healed"),
)
_HEALING_PAIRS: tuple[tuple[Order, Order], ...] = (
    ("anchored", "anchored_unhealed"),
    ("psm_healed", "psm"),
)


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """Means of an order: nats per byte over all bytes, exact matches over all cases."""

    order: Order
    nats_per_byte: float
    exact_match: float


@dataclass(frozen=True, slots=True)
class Row:
    """All figures of some cases, of one kind or all with the cursor in one place.

    ``meets_bar`` is about the comparisons of ``anchored``. With PSM, healed or not: at most 2 %
    more nats per byte at the 95 % bound, and an exact match at most 2 points lower. With itself
    not healed: fewer nats per byte at the 95 % bound. ``product_may_lead``: the bounds do not
    exclude that ``product`` matches as often as the better of PSM and healed PSM; None if it was
    not measured.
    """

    kind: str
    cases: int
    problems: int
    orders: tuple[OrderFigures, ...]
    comparisons: tuple[Comparison, ...]
    meets_bar: bool
    product_may_lead: bool | None


def rows(outcomes: Sequence[Outcome], seed: int) -> Iterator[Row]:
    """Yield a row for each kind that has cases, and for each place of the cursor."""
    names = {kind.name for kind in DISTANCES}
    at_distance = [outcome for outcome in outcomes if outcome.kind in names]
    for kind in DISTANCES:
        found = [outcome for outcome in at_distance if outcome.kind == kind.name]
        yield from _row(kind.name, found, DISTANCE_ORDERS, _DISTANCE_PAIRS, seed)
    for place in CURSOR_PLACES:
        found = [outcome for outcome in at_distance if outcome.cursor_place == place]
        yield from _row(f"all, {place}", found, DISTANCE_ORDERS, _DISTANCE_PAIRS, seed)
    for kind in HEALING:
        found = [outcome for outcome in outcomes if outcome.kind == kind.name]
        yield from _row(kind.name, found, HEALING_ORDERS, _HEALING_PAIRS, seed)


def table(found: Sequence[Row]) -> Table:
    """Return the comparisons as a table for the terminal: eighty columns wide."""
    result = Table("order - baseline", box=None, padding=(0, 1, 0, 0))
    for heading in ("nats/byte", "relative % [95 %]", "exact, points"):
        result.add_column(heading, justify="right")
    for row in found:
        result.add_row(f"[bold]{row.kind} {'✓' if row.meets_bar else '✗'} n={row.cases}")
        figures = {entry.order: entry for entry in row.orders}
        for comparison in row.comparisons:
            one, other = figures[comparison.order], figures[comparison.baseline]
            result.add_row(
                f"{comparison.order} - {comparison.baseline}",
                f"{one.nats_per_byte:.3f} {other.nats_per_byte:.3f}",
                _in_hundredths(comparison.relative_nats),
                _in_hundredths(comparison.exact_match),
            )
    return result


def as_json(found: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows as JSON has them."""
    return [asdict(row) for row in found]


def _row(
    kind: str,
    outcomes: Sequence[Outcome],
    orders: Sequence[Order],
    pairs: Sequence[tuple[Order, Order]],
    seed: int,
) -> Iterator[Row]:
    if not outcomes:
        return
    measured = [order for order in orders if all(order in each.answers for each in outcomes)]
    comparisons = tuple(
        compare(outcomes, order, baseline, seed)
        for order, baseline in pairs
        if order in measured and baseline in measured
    )
    of_product = [c.exact_match.high >= 0 for c in comparisons if c.order == "product"]
    yield Row(
        kind=kind,
        cases=len(outcomes),
        problems=len({outcome.problem for outcome in outcomes}),
        orders=tuple(_figures(outcomes, order) for order in measured),
        comparisons=comparisons,
        meets_bar=all(_meets_bar(one) for one in comparisons if one.order == "anchored"),
        product_may_lead=all(of_product) if of_product else None,
    )


def _in_hundredths(difference: Difference) -> str:
    value, low, high = (
        f"{part * 100:+.1f}" for part in (difference.value, difference.low, difference.high)
    )
    return f"{value} \\[{low}, {high}]"


def _figures(outcomes: Sequence[Outcome], order: Order) -> OrderFigures:
    answers = [outcome.answers[order] for outcome in outcomes]
    num_bytes = sum(outcome.num_bytes for outcome in outcomes)
    return OrderFigures(
        order,
        sum(answer.nats for answer in answers) / num_bytes,
        statistics.fmean(answer.is_exact for answer in answers),
    )


def _meets_bar(comparison: Comparison) -> bool:
    if comparison.baseline == "anchored_unhealed":
        return comparison.nats_per_byte.high < 0
    return (
        comparison.relative_nats.high <= MAX_RELATIVE_NATS
        and comparison.exact_match.value >= -MAX_EXACT_LOSS
    )
