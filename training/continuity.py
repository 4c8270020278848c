"""Show from a run's log that stops and resumes lost nothing and left no mark on the loss."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LINES_COMPARED = 5


@dataclass(frozen=True, slots=True)
class Resumption:
    """One start that went on from a checkpoint.

    ``repeated_tokens`` were learnt from after that checkpoint, before the run was ended without
    warning, and are learnt from again. The losses are means over a few lines of the log.
    """

    tokens: int
    repeated_tokens: int
    loss_before: float | None
    loss_after: float | None


def resumptions(log: Path) -> list[Resumption]:
    """Return every start of the run but the first, in order."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [
        _resumption(lines, number)
        for number, line in enumerate(lines)
        if line["event"] == "start" and line["step"] > 0
    ]


def _resumption(lines: list[dict[str, Any]], number: int) -> Resumption:
    start, before, after = lines[number], lines[:number], lines[number:]
    return Resumption(
        tokens=start["tokens"],
        repeated_tokens=max(line["tokens"] for line in before) - start["tokens"],
        loss_before=_mean_loss(before[::-1]),
        loss_after=_mean_loss(after),
    )


def _mean_loss(lines: list[dict[str, Any]]) -> float | None:
    losses = [line["loss"] for line in lines if line["event"] == "step"][:_LINES_COMPARED]
    return sum(losses) / len(losses) if losses else None
