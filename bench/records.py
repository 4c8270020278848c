"""One record a keystroke, and the figures made of them.

Of a keystroke in ``typing`` nothing else is known than that its trace is pure typing. The first
look at a document, its cold opening, is recorded and not counted: peers are measured the same way.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Source = Literal["running", "completion cache", "cache", "model"]
"""Where an answer came from. ``cache``: the model, with a part of the prompt in the KV cache."""


@dataclass(frozen=True, slots=True)
class KeystrokeRecord:
    """What one keystroke cost.

    ``num_new_tokens``: prompt tokens computed while its answer was waited for;
    ``num_background_tokens`` and ``num_background_generated_tokens``: after it, until the next one.
    ``time_to_first_token_ms``: from sending the request to knowing the first generated token;
    ``shown_ms``: to the whole answer. ``is_counted`` is False for the opening of a document.
    """

    trace: str
    kind: str
    is_counted: bool
    is_typing: bool
    num_prompt_tokens: int
    num_cached_tokens: int
    num_new_tokens: int
    num_generated_tokens: int
    time_to_first_token_ms: float
    shown_ms: float
    source: Source = "model"
    num_background_tokens: int = 0
    num_background_generated_tokens: int = 0


def distribution(values: Iterable[float]) -> dict[str, float | None]:
    """Return median, 95th percentile and mean; None for each where there are no values."""
    known = list(values)
    if not known:
        return {"median": None, "p95": None, "mean": None}
    return {
        "median": round(statistics.median(known), 3),
        "p95": round(percentile(known, 0.95), 3),
        "mean": round(statistics.fmean(known), 3),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie, between two of them linearly."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def common_figures(records: Iterable[KeystrokeRecord]) -> dict[str, Any]:
    """Return what is told of us and of a peer alike."""
    counted = [record for record in records if record.is_counted]
    typing = [record for record in counted if record.is_typing]
    return {
        "keystrokes": len(counted),
        "typing": {
            "keystrokes": len(typing),
            "new_tokens": distribution(r.num_new_tokens for r in typing),
        },
        "new_tokens": distribution(r.num_new_tokens for r in counted),
        "ttft_ms": _without_mean(distribution(r.time_to_first_token_ms for r in counted)),
    }


def our_figures(records: Iterable[KeystrokeRecord]) -> dict[str, Any]:
    """Return what is told of us: also what was done ahead, and where answers came from."""
    counted = [record for record in records if record.is_counted]
    total = max(len(counted), 1)
    return {
        **common_figures(counted),
        "background_tokens": _mean_of(r.num_background_tokens for r in counted),
        "background_generated_tokens": _mean_of(r.num_background_generated_tokens for r in counted),
        "source_share": {
            source: round(sum(r.source == source for r in counted) / total, 4)
            for source in get_args(Source)
        },
    }


def _without_mean(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: value for name, value in figures.items() if name != "mean"}


def _mean_of(values: Iterable[float]) -> dict[str, float | None]:
    return {"mean": distribution(values)["mean"]}
