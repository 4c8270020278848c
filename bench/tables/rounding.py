"""The table of ``bench rounding``: what each way of rounding the weights costs."""

from typing import Any

from bench.tables.cells import growth, number, percent
from bench.tables.markdown import Table


def rounding_table(result: dict[str, Any]) -> Table:
    """Return a row for each recipe, in the order of the measurement."""
    return Table(
        ("recipe", "bits per weight", "divergence, nats/1000", "perplexity", "other best token"),
        [
            (
                row["recipe"],
                number(row["bits_per_weight"], 2),
                f"{row['kl_nats_per_1000']:.3g} ± {row['standard_error']:.2g}",
                growth(row["perplexity_ratio"] - 1),
                percent(row["other_best_token_share"]),
            )
            for row in result["rows"]
        ],
    )
