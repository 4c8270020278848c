"""The table of ``bench infilling``: what is filled in correctly, a row for each run."""

from typing import Any

from bench.tables.cells import number, percent
from bench.tables.markdown import Table

_SETS = {
    "HumanEval-SingleLineInfilling": "single line",
    "HumanEval-MultiLineInfilling": "several lines",
    "HumanEval-RandomSpanInfilling": "random span",
    "HumanEval-RandomSpanInfillingLight": "random span, light",
}
_WAYS = {
    "product": "as the server completes",
    "plain": "the raw model",
    "first_line": "the raw model, first line only",
}


def infilling_table(*results: dict[str, Any]) -> Table:
    """Return a row for each result: model, set, way, number of tasks, and the shares."""
    return Table(
        ("model", "set", "way", "tasks", "pass@1", "exact match", "edit similarity"),
        [
            (
                f"{result['model']}, {result['precision']}",
                _SETS.get(result["dataset"], result["dataset"]),
                _WAYS[result["way"]],
                number(result["tasks"]),
                percent(result["pass_at_1"]),
                percent(result["exact_match"]),
                percent(result["edit_similarity"]),
            )
            for result in results
        ],
    )
