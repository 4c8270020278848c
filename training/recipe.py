"""A recipe: every number of a training run, read from a TOML file in ``training/recipes``."""

import dataclasses
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The architecture, by the names of ``config.json`` (DeepSeek-V2, without q_lora and YaRN)."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    intermediate_size: int
    moe_intermediate_size: int
    n_routed_experts: int
    num_experts_per_tok: int
    n_shared_experts: int
    first_k_dense_replace: int
    rope_theta: float
    rms_norm_eps: float
    max_position_embeddings: int


@dataclass(frozen=True, slots=True)
class SampleShares:
    """How samples are made; each share is of 1.

    ``fim``: share of fill-in-the-middle samples, the rest are plain documents. Of those, the
    weights of how the middle is chosen: rest of a line, block by indentation, syntax node, random
    characters. ``anchor_at_line``: PREFIX ends where the cursor's line starts;
    ``anchor_above``: a few lines earlier; else at the cursor. ``whole_rows``: samples that take all
    the room of their row, the others a random part of it.
    """

    fim: float
    line: float
    block: float
    node: float
    random: float
    anchor_at_line: float
    anchor_above: float
    whole_rows: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps of warm-up, then a constant learning rate until ``max_steps``.

    ``max_steps`` counts from the step at which a run begins to use the recipe. In the last
    ``decay_steps`` of them the rate falls to zero in a straight line. With 0 it never decays, so
    that a later run can continue from where this one stops.
    """

    warmup_steps: int
    max_steps: int
    decay_steps: int


@dataclass(frozen=True, slots=True)
class Optimization:
    """``muon_*`` for the matrices, ``adamw_*`` for embedding, norms and router.

    ``average_decay``: weight of the past in the running average of the weights, a step.
    """

    muon_learning_rate: float
    muon_momentum: float
    muon_weight_decay: float
    adamw_learning_rate: float
    adamw_betas: tuple[float, float]
    max_gradient_norm: float
    load_balance_weight: float
    average_decay: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run. A step sees ``rows * row_length * accumulation`` tokens.

    ``mix``: share of samples of each language's packages for training, or of ``language/use``.
    ``compile`` takes a C++ compiler and half a minute, and pays in all but short runs.
    """

    name: str
    seed: int
    row_length: int
    rows: int
    accumulation: int
    milestone_tokens: int
    compile: bool
    mix: dict[str, float]
    model: ModelShape
    samples: SampleShares
    schedule: Schedule
    optimization: Optimization

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one step of the optimizer sees."""
        return self.rows * self.row_length * self.accumulation


def read_recipe(path: Path) -> Recipe:
    """Read a recipe. Raises ``TrainingError`` naming the field that is missing or unknown."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise TrainingError(f"{path} cannot be read as a recipe: {exc}.") from exc
    recipe: Recipe = _structure(document, Recipe, str(path))
    return recipe


def _structure(value: Any, kind: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise TrainingError(f"{where}: expected a table, found {value!r}.")
        return _structure_table(value, kind, where)
    if kind is float and isinstance(value, int):
        return float(value)
    if typing.get_origin(kind) is tuple:
        return tuple(float(item) for item in value)
    if typing.get_origin(kind) is dict:
        return {str(name): float(weight) for name, weight in value.items()}
    if not isinstance(value, kind):
        raise TrainingError(f"{where}: expected {kind.__name__}, found {value!r}.")
    return value


def _structure_table(table: dict[str, Any], kind: Any, where: str) -> Any:
    kinds = typing.get_type_hints(kind)
    unknown, missing = table.keys() - kinds.keys(), kinds.keys() - table.keys()
    if unknown:
        raise TrainingError(f"{where}: unknown: {', '.join(sorted(unknown))}.")
    if missing:
        raise TrainingError(f"{where}: missing: {', '.join(sorted(missing))}.")
    return kind(**{n: _structure(v, kinds[n], f"{where}: {n}") for n, v in table.items()})
