"""Checkpoints that are whole or not there: written beside, flushed, then renamed.

``last.pt`` is what a run goes on from; ``previous.pt`` the one before it, should the disk fail.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.data.batches import Position
from training.errors import TrainingError

FORMAT_VERSION = 1
LAST = "last.pt"
_PREVIOUS = "previous.pt"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; ``tokens`` counts what was learnt from, padding left out."""

    step: int
    tokens: int
    position: Position


def save_checkpoint(
    folder: Path, progress: Progress, model: dict[str, Any], optimizer: dict[str, Any]
) -> None:
    """Write ``last.pt``, keeping the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{LAST}.partial"
    content = {
        "format_version": FORMAT_VERSION,
        "step": progress.step,
        "tokens": progress.tokens,
        "position": asdict(progress.position),
        "model": model,
        "optimizer": optimizer,
        "random": torch.get_rng_state(),
    }
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    last = folder / LAST
    if last.exists():
        last.replace(folder / _PREVIOUS)
    partial.replace(last)


def load_checkpoint(folder: Path) -> tuple[Progress, dict[str, Any]] | None:
    """Return the newest checkpoint, or None in a new folder; restores torch's random state."""
    path = next((folder / n for n in (LAST, _PREVIOUS) if (folder / n).is_file()), None)
    if path is None:
        return None
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content["format_version"] != FORMAT_VERSION:
        raise TrainingError(
            f"{path} has format version {content['format_version']}, expected {FORMAT_VERSION}."
        )
    torch.set_rng_state(content["random"])
    progress = Progress(content["step"], content["tokens"], Position(**content["position"]))
    return progress, content
