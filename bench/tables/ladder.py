"""The ladder of models: what each takes, how good it is, and how fast it is on one machine."""

from typing import Any

from bench.tables.cells import model_cell, number, percent
from bench.tables.markdown import Table

_MEGABYTE = 1e6


def ladder_table(*results: dict[str, Any]) -> Table:
    """Return a row for each result of ``bench ladder``, with that of ``bench infilling`` beside.

    The results come in any order: a row takes the infilling of the same model and precision. It
    is of the single-line set, as the server completes.
    """
    quality = {_key(result): result for result in results if "pass_at_1" in result}
    return Table(
        (
            "model",
            "disk",
            "memory",
            "single lines that pass",
            "first token, typing",
            "first token, opening",
            "tokens a second",
        ),
        [
            (
                model_cell(result),
                _megabytes(result["disk_bytes"]),
                _megabytes(result["peak_memory_bytes"]),
                _quality(quality.get(_key(result))),
                f"{number(result['median']['typing_ms'])} ms",
                f"{number(result['median']['opening_ms'])} ms",
                number(result["median"]["decode_tokens_per_second"]),
            )
            for result in results
            if "median" in result
        ],
    )


def _key(result: dict[str, Any]) -> tuple[str, str]:
    return result["model"], result["precision"]


def _megabytes(num_bytes: float) -> str:
    return f"{number(num_bytes / _MEGABYTE)} MB"


def _quality(result: dict[str, Any] | None) -> str:
    if result is None:
        return "not measured"
    return f"{percent(result['pass_at_1'])} of {number(result['tasks'])}"
