"""Checkpoints that are complete or absent: written beside their place, flushed, then renamed.

A run continues from ``last.pt``. ``previous.pt`` is the one before it; a run continues from that if
``last.pt`` is missing or damaged.
"""

import os
import pickle
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.data.batches import Position
from training.errors import TrainingError
from training.train.lineage import Lineage

FORMAT_VERSION = 2
LAST = "last.pt"
_PREVIOUS = "previous.pt"
_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    pickle.UnpicklingError,
    ValueError,
    KeyError,
    TypeError,
)
"""What ``torch.load`` raises for a file that is cut off or is no checkpoint."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``tokens`` counts targets that were learnt from, without padding."""

    step: int
    tokens: int
    position: Position


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was read. ``model`` and ``optimizer`` are their states."""

    progress: Progress
    lineage: Lineage
    model: dict[str, Any]
    optimizer: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``last.pt``, and keep the one before it as ``previous.pt``."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{LAST}.partial"
    content = {
        "format_version": FORMAT_VERSION,
        "progress": asdict(checkpoint.progress),
        "lineage": asdict(checkpoint.lineage),
        "model": checkpoint.model,
        "optimizer": checkpoint.optimizer,
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


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or None in a new folder.

    Restores torch's random state. A damaged ``last.pt`` is reported on standard error. Raises
    ``TrainingError`` if no checkpoint is whole, or if one has another format version.
    """
    paths = [folder / name for name in (LAST, _PREVIOUS) if (folder / name).is_file()]
    problems = []
    for path in paths:
        try:
            checkpoint, random = _read(path)
        except _DAMAGED as exc:
            problems.append(f"{path.name} cannot be read ({type(exc).__name__}: {exc})")
            continue
        if problems:
            print(f"{problems[0]}; continuing from {path.name}.", file=sys.stderr)
        torch.set_rng_state(random)
        return checkpoint
    if not paths:
        return None
    raise TrainingError(
        f"{folder} has no checkpoint that is whole: {'; '.join(problems)}. Restore one from a "
        "copy, or empty the folder to begin the run again."
    )


def _read(path: Path) -> tuple[Checkpoint, torch.Tensor]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content["format_version"] != FORMAT_VERSION:
        raise TrainingError(
            f"{path} has format version {content['format_version']}, expected {FORMAT_VERSION}. "
            "Continue the run with the program that wrote it, or start a new one from its exported "
            "weights with --start-from."
        )
    progress = content["progress"]
    position = Position(**progress.pop("position"))
    checkpoint = Checkpoint(
        Progress(**progress, position=position),
        Lineage(**content["lineage"]),
        content["model"],
        content["optimizer"],
    )
    return checkpoint, content["random"]
