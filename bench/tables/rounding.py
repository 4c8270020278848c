"""The table of ``bench rounding``: what each recipe for rounding the weights costs, by model."""

from typing import Any

from bench.tables.cells import growth
from bench.tables.markdown import Table

_NOTHING = "–"


def rounding_table(*results: dict[str, Any]) -> Table:
    """Return a row for each recipe with a cell for each result: divergence and perplexity.

    Bits a weight are those of the first result that has the recipe.
    """
    by_recipe = dict[str, list[dict[str, Any] | None]]()
    for i, result in enumerate(results):
        for row in result["rows"]:
            by_recipe.setdefault(row["recipe"], [None] * len(results))[i] = row
    return Table(
        ("recipe", "bits a weight", *map(_title, results)),
        [
            (recipe, _bits(rows), *(_NOTHING if row is None else _cell(row) for row in rows))
            for recipe, rows in by_recipe.items()
        ],
    )


def _title(result: dict[str, Any]) -> str:
    model = str(result["model"]).removesuffix(".gguf")
    return f"{model}, {result['variant']}"


def _bits(rows: list[dict[str, Any] | None]) -> str:
    found = next(row for row in rows if row is not None)
    return f"{found['bits_per_weight']:.2f}"


def _cell(row: dict[str, Any]) -> str:
    return f"{row['kl_nats_per_1000']:.1f} ({growth(row['perplexity_ratio'] - 1)})"
