"""The table of ``bench rounding``: what each way of rounding the weights costs."""

from typing import Any

from bench.tables.cells import growth
from bench.tables.markdown import Table


def rounding_table(result: dict[str, Any]) -> Table:
    """Return a row for each recipe and each export, in the order of the measurement."""
    return Table(
        ("recipe", "divergence, nats/1000", "perplexity"),
        [
            (row["name"], f"{1000 * row['divergence']:.3g}", growth(row["perplexity_growth"]))
            for row in result["rows"]
        ],
    )
