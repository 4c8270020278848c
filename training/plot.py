"""Plot the loss of a run against the tokens it has learnt from."""

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from training.errors import TrainingError

_SMOOTHED_OVER = 20


def plot_loss(log: Path, out: Path) -> None:
    """Draw training loss, held-out loss and that of the averaged weights, in nats a token."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if line["event"] == "step"]
    if not steps:
        raise TrainingError(f"{log} holds no step yet; wait for the first ones.")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    losses = [line["loss"] for line in steps]
    axes.plot(_tokens(steps), losses, linewidth=0.5, alpha=0.4, label="training")
    axes.plot(_tokens(steps), _smooth(losses), label="training, smoothed")
    validations = [line for line in lines if line["event"] == "validation"]
    for field, label in (("loss", "held out"), ("average_loss", "held out, averaged weights")):
        figures = [line[field] for line in validations]
        axes.plot(_tokens(validations), figures, marker=".", label=label)
    for line in lines:
        if line["event"] == "start":
            axes.axvline(line["tokens"] / 1e6, color="grey", linewidth=0.3)
    axes.set_xlabel("million tokens (grey lines: stopped and gone on)")
    axes.set_ylabel("loss, nats a token")
    axes.legend()
    figure.savefig(out, dpi=120)


def _tokens(lines: list[dict[str, Any]]) -> list[float]:
    return [line["tokens"] / 1e6 for line in lines]


def _smooth(losses: list[float]) -> list[float]:
    smoothed = []
    for end in range(1, len(losses) + 1):
        window = losses[max(0, end - _SMOOTHED_OVER) : end]
        smoothed.append(sum(window) / len(window))
    return smoothed
