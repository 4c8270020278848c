"""The tables of ``bench decode``: a token's time by the length of the past, ours and the peer's."""

from typing import Any

from bench.tables.cells import number
from bench.tables.markdown import Table


def decode_table(result: dict[str, Any]) -> Table:
    """Return a row for each past: a token decoded, and the speed of the widest prefill."""
    widest = max(row["new_tokens"] for row in result["prefill"])
    prefill = {row["past"]: row for row in result["prefill"] if row["new_tokens"] == widest}
    return Table(
        ("tokens of past", "a token decoded", "tokens of a prompt in a second"),
        [
            (
                number(row["past"]),
                f"{row['milliseconds']:.3g} ms",
                number(prefill[row["past"]]["tokens_per_second"]),
            )
            for row in result["decode"]
        ],
    )


def decode_ratio_table(result: dict[str, Any]) -> Table:
    """Return a row for each past and width, with the ratio of the whole model and of a layer."""
    ours, peer = _milliseconds(result), _milliseconds(result["peer"])
    rows = []
    for ratio in result["ratio"]:
        point = (ratio["past"], ratio["new_tokens"])
        rows.append(
            (
                number(ratio["past"]),
                _work(ratio["new_tokens"]),
                number(ours[point], 1),
                number(peer[point], 1),
                number(ratio["whole"], 2),
                *_layer_cells(ratio),
            )
        )
    titles = ("past", "", "ours", "llama-server", "ratio")
    layer_titles = ("ours, a layer", "llama-server's", "ratio of layers")
    has_layers = "layer" in result["ratio"][0]
    return Table((*titles, *layer_titles) if has_layers else titles, rows)


def _milliseconds(side: dict[str, Any]) -> dict[tuple[int, int | str], float]:
    prefill = {(row["past"], row["new_tokens"]): row["milliseconds"] for row in side["prefill"]}
    decode = {(row["past"], "decode"): row["milliseconds"] for row in side["decode"]}
    return {**prefill, **decode}


def _work(new_tokens: int | str) -> str:
    return "decode, a token" if new_tokens == "decode" else f"prefill, {new_tokens} tokens"


def _layer_cells(ratio: dict[str, Any]) -> tuple[str, ...]:
    if "layer" not in ratio:
        return ()
    return (
        number(ratio["layer_ms"], 2),
        number(ratio["peer_layer_ms"], 2),
        number(ratio["layer"], 2),
    )
