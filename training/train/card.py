"""training.json: how far the training of a Hugging Face folder's weights was, and in which data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.data.batches import Position
from training.train.checkpoint import Progress
from training.train.lineage import Lineage

_NAME = "training.json"


def training_card(lineage: Lineage, progress: Progress) -> dict[str, Any]:
    """Return the content of training.json."""
    return {"recipe": lineage.recipe, "corpus": lineage.corpus, **asdict(progress)}


def progress_of(folder: Path, corpus: str) -> Progress:
    """Return where a run that starts from a folder's weights begins in the data.

    The optimizer is new, so the steps count from zero and the learning rate warms up. Tokens and
    position continue if the folder has a position in the corpus with the fingerprint ``corpus``, or
    does not say in which corpus its position is; otherwise both begin at zero.
    """
    path = folder / _NAME
    card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "position" not in card or card.get("corpus", corpus) != corpus:
        return Progress(0, 0, Position(0, {}))
    return Progress(0, card["tokens"], Position(**card["position"]))
