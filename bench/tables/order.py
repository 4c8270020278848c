"""The table of ``bench order``: the prompt's orders by kind of case."""

from typing import Any

from bench.tables.cells import number, percent
from bench.tables.markdown import Table

_ORDERS = {"anchored": "anchored", "product": "product", "psm": "PSM", "psm_healed": "PSM, healed"}


def order_table(result: dict[str, Any]) -> Table:
    """Return a row for each kind: nats per byte and exact match, and the product's difference.

    The difference is to PSM or healed PSM, whichever matches more often, in points of exact match.
    """
    return Table(
        ("cases", "n", *_ORDERS.values(), "product less the better PSM, points"),
        [
            (
                row["kind"],
                number(row["cases"]),
                *(_figures(row, order) for order in _ORDERS),
                _difference(row),
            )
            for row in result["rows"]
            if row["kind"].startswith("anchor ")
        ],
    )


def _figures(row: dict[str, Any], order: str) -> str:
    (found,) = [each for each in row["orders"] if each["order"] == order]
    return f"{found['nats_per_byte']:.3f} ({percent(found['exact_match'])})"


def _difference(row: dict[str, Any]) -> str:
    of_product = [each for each in row["comparisons"] if each["order"] == "product"]
    smallest = min(of_product, key=lambda each: float(each["exact_match"]["value"]))
    value, low, high = (100 * smallest["exact_match"][part] for part in ("value", "low", "high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
