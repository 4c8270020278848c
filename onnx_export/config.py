"""What all architectures have in common, and what the exporter is asked for; frozen and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, Self

from onnx_export.errors import ConfigError
from onnx_export.quantization import MAX_BLOCK_SIZE, MIN_BLOCK_SIZE
from onnx_export.recipes import RECIPES, Recipe

CONFIG_NAME = "config.json"
# QMoE for CUDA has no blocks of 16.
MIN_EXPERT_BLOCK_SIZES: Mapping[str, int] = MappingProxyType({"cpu": MIN_BLOCK_SIZE, "cuda": 32})

Precision = Literal["fp32", "fp16", "int8", "int4", "keep"]
Target = Literal["cpu", "cuda"]

SMALL_MODEL_PARAMETERS = 1_000_000_000
"""Below it, four bits cost too much: Qwen2.5-Coder-0.5B fills in 58 of 100 lines of HumanEval with
int8, and 50 with int4 (bench/README.md)."""


def recommended_precision(num_parameters: int) -> Precision:
    """Return what an export is written in unless something else is asked for."""
    return "int8" if num_parameters < SMALL_MODEL_PARAMETERS else "int4"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The fields of ``config.json`` that every architecture has; names as in that file.

    Each model type has a subclass; ``model_types.py`` reads the right one. A token that the file
    does not name is None. If it names several ends of text, ``eos_token_id`` is the first.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    rms_norm_eps: float
    max_position_embeddings: int
    tie_word_embeddings: bool
    rope_theta: float
    bos_token_id: int | None
    eos_token_id: int | None

    def with_layers(self, num_hidden_layers: int) -> Self:
        """Return the same model cut to its first layers."""
        if not 1 <= num_hidden_layers <= self.num_hidden_layers:
            raise ConfigError(
                f"The model has {self.num_hidden_layers} layers; {num_hidden_layers} were asked "
                "for. Choose a number from 1 up to that."
            )
        return replace(self, num_hidden_layers=num_hidden_layers)


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What is asked for.

    ``context_length`` None means the model's own limit; ``asked_expert_block_size`` None means what
    suits the precision. ``scale_search`` is for four bits: it takes some minutes at Lite's size.
    ``asked_recipe`` None means the recipe of the precision.
    """

    precision: Precision
    block_size: int = 32
    context_length: int | None = None
    asked_expert_block_size: int | None = None
    target: Target = "cpu"
    scale_search: bool = True
    asked_recipe: Recipe | None = None

    def __post_init__(self) -> None:
        for size in (self.block_size, self.expert_block_size):
            if not MIN_BLOCK_SIZE <= size <= MAX_BLOCK_SIZE or size & (size - 1):
                raise ConfigError(
                    f"A block size of {size} is not possible: ONNX Runtime's kernels want a power "
                    f"of two from {MIN_BLOCK_SIZE} to {MAX_BLOCK_SIZE}."
                )
        if self.target == "cuda":
            self._require_for_cuda()

    def _require_for_cuda(self) -> None:
        if self.precision == "fp32":
            raise ConfigError(
                "Graphs for CUDA compute in float16; choose --precision fp16, int8 or int4."
            )
        if self.bits is None:
            return
        for kernel, size, sizes in (
            ("MatMulNBits", self.block_size, (16, 32, 64, 128)),
            ("QMoE", self.expert_block_size, (32, 64, 128)),
        ):
            if size not in sizes:
                raise ConfigError(
                    f"{kernel} on CUDA has no blocks of {size}; choose one of "
                    f"{', '.join(map(str, sizes))}."
                )

    @property
    def recipe(self) -> Recipe | None:
        """How many bits which weights have; None if weights stay floats."""
        return self.asked_recipe or RECIPES.get((self.precision, self.target))

    @property
    def bits(self) -> int | None:
        """Bits of a quantized weight, None where weights stay floats.

        With ``keep`` they are those of weights that the source does not store in blocks.
        """
        return {"int8": 8, "int4": 4, "keep": 8}.get(self.precision)

    @property
    def expert_block_size(self) -> int:
        """Weights that share a scale in a routed expert, and in what ``int4`` keeps at eight bits.

        In four bits 128: QMoE is a third to a half faster with it than with 32 (ONNX Runtime 1.32
        on the CPU), and scales are a quarter of the bytes.
        """
        if self.asked_expert_block_size is not None:
            return self.asked_expert_block_size
        return 128 if self.precision == "int4" else self.block_size

    def resolve_context_length(self, model: ModelConfig) -> int:
        """Return the number of tokens that prompt and completion may have together."""
        limit = model.max_position_embeddings
        length = limit if self.context_length is None else self.context_length
        if not 1 <= length <= limit:
            raise ConfigError(
                f"A context length of {length} is not possible: config.json sets "
                f"max_position_embeddings to {limit}."
            )
        return length
