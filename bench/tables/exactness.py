"""The table of ``bench exactness``: our graph against transformers."""

from typing import Any

from bench.tables.cells import number, scientific
from bench.tables.markdown import Table

_TINY = {
    "tiny_with_yarn": "a tiny random model with Lite's rotary settings",
    "tiny_llama": "a tiny random model of DeepSeek-Coder v1's architecture",
    "tiny_qwen2": "a tiny random model of Qwen2.5-Coder's architecture",
}


def exactness_table(result: dict[str, Any]) -> Table:
    """Return a row for the trained model and one for each tiny model that was measured."""
    models = {
        result["model"]: result,
        **{name: result[key] for key, name in _TINY.items() if key in result},
    }
    return Table(
        (
            "model",
            "prompts",
            "tokens",
            "greedy mismatches",
            "near ties",
            "largest error of a logit",
            "the same after a rewind",
        ),
        [
            (
                name,
                number(figures["prompts"]),
                number(figures["tokens"]),
                number(figures["greedy_mismatches"]),
                number(figures["near_ties"]),
                scientific(figures["max_abs_logit_error"]),
                scientific(figures["after_rewind_max_abs_error"]),
            )
            for name, figures in models.items()
        ],
    )
