"""What a run was begun with, so that it continues only with what its checkpoint belongs to.

A position in the data has a meaning only for the same files, order and tokenizer, and weights only
for the same shape. Everything else of a recipe may change when a run continues, which is how a run
is ended by ``mini-decay.toml``.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from training.corpus.store import FILES_NAME
from training.errors import TrainingError
from training.recipe import Recipe

_ADVICE = (
    "Continue with the one it was begun with, or start another run from its exported weights with "
    "--start-from."
)


@dataclass(frozen=True, slots=True)
class Lineage:
    """``shape``, ``corpus`` and ``tokenizer`` are fingerprints; ``seed`` orders the documents.

    ``recipe`` is the name of the recipe in use, and ``recipe_step`` the step at which the run began
    to use it: the recipe's schedule counts from there.
    """

    shape: str
    seed: int
    corpus: str
    tokenizer: str
    recipe: str
    recipe_step: int


_NAMES = {"shape": "model shape", "seed": "seed", "corpus": "corpus", "tokenizer": "tokenizer"}


def begin_lineage(recipe: Recipe, corpus: Path, tokenizer: Path) -> Lineage:
    """Return the lineage of a run that begins now."""
    return Lineage(
        shape=_digest(json.dumps(asdict(recipe.model), sort_keys=True).encode()),
        seed=recipe.seed,
        corpus=corpus_fingerprint(corpus),
        tokenizer=_digest(tokenizer.read_bytes()),
        recipe=recipe.name,
        recipe_step=0,
    )


def continue_lineage(saved: Lineage, now: Lineage, step: int) -> Lineage:
    """Return the lineage of a run that continues at ``step`` from a checkpoint.

    Raises ``TrainingError`` if the checkpoint belongs to another shape, seed, corpus or tokenizer.
    """
    differing = [
        _NAMES[field.name]
        for field in fields(Lineage)
        if field.name in _NAMES and getattr(saved, field.name) != getattr(now, field.name)
    ]
    if differing:
        raise TrainingError(
            f"The checkpoint belongs to another {' and another '.join(differing)} than the one "
            f"given. {_ADVICE}"
        )
    is_same_recipe = saved.recipe == now.recipe
    return replace(now, recipe_step=saved.recipe_step if is_same_recipe else step)


def corpus_fingerprint(folder: Path) -> str:
    """Return a digest of a corpus' list: which files it has, in which order, and their lengths."""
    return _digest((folder / FILES_NAME).read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
