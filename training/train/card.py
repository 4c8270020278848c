"""training.json, the facts of a Hugging Face folder that training needs to go on from it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.data.batches import Position
from training.train.checkpoint import Progress

_NAME = "training.json"


def training_card(recipe_name: str, progress: Progress) -> dict[str, Any]:
    """Return the content of training.json: how far the training was, and how far in the data."""
    return {"recipe": recipe_name, **asdict(progress)}


def progress_of(folder: Path) -> Progress:
    """Return where to go on from a folder's weights.

    The optimizer is new, so the steps count from zero and the learning rate warms up. Tokens and
    position go on; without a position in the folder they begin at zero too.
    """
    path = folder / _NAME
    card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "position" not in card:
        return Progress(0, 0, Position(0, {}))
    return Progress(0, card["tokens"], Position(**card["position"]))
