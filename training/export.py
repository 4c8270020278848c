"""From a run's newest checkpoint to a Hugging Face folder."""

from pathlib import Path

from training.errors import TrainingError
from training.model.huggingface import save_huggingface
from training.recipe import Recipe
from training.train.card import training_card
from training.train.checkpoint import load_checkpoint


def export_huggingface(recipe: Recipe, checkpoints: Path, tokenizer: Path, out: Path) -> None:
    """Write the averaged weights. Raises ``TrainingError`` if there is no checkpoint."""
    loaded = load_checkpoint(checkpoints)
    if loaded is None:
        raise TrainingError(f"{checkpoints} holds no checkpoint. Train first.")
    card = training_card(loaded.lineage, loaded.progress)
    average = loaded.optimizer["average"]
    save_huggingface(out, recipe.model, average, tokenizer, card)
