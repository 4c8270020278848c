"""The table of ``bench keystrokes``: prompt tokens computed and the first token's time, by side."""

from typing import Any

from bench.tables.cells import number
from bench.tables.markdown import Table


def keystrokes_table(result: dict[str, Any]) -> Table:
    """Return a row for ours, one for plain PSM as it is counted, and one for each peer."""
    rows = [
        ("coder-lsp", *_cells(result)),
        ("naive PSM, counted", _tokens(result["naive_psm"]["new_tokens"]), "", ""),
        *((f"llama-server, {peer['name']}", *_cells(peer)) for peer in result["peers"]),
    ]
    return Table(
        (
            "",
            "new tokens, median / p95 / mean",
            "typing only",
            "first token, ms, median / p95",
        ),
        rows,
    )


def _cells(side: dict[str, Any]) -> tuple[str, str, str]:
    times = side["ttft_ms"]
    return (
        _tokens(side["new_tokens"]),
        _tokens(side["typing"]["new_tokens"]),
        f"{times['median']:.3g} / {times['p95']:.3g}",
    )


def _tokens(figures: dict[str, Any]) -> str:
    return f"{number(figures['median'])} / {number(figures['p95'])} / {figures['mean']:.3g}"
