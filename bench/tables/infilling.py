"""The table of ``bench infilling``: what is filled in correctly, a row for each run."""

from typing import Any

from bench.tables.cells import model_cell, number, percent
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
                model_cell(result),
                _SETS.get(result["dataset"], result["dataset"]),
                _WAYS[result["way"]],
                _tasks(result),
                percent(result["pass_at_1"]),
                percent(result["exact_match"]),
                percent(result["edit_similarity"]),
            )
            for result in results
        ],
    )


def _tasks(result: dict[str, Any]) -> str:
    """Return the number of tasks, of how many if not all were measured."""
    tasks, size = result["tasks"], result["set_size"]
    return number(tasks) if tasks == size else f"{number(tasks)} of {number(size)}"
