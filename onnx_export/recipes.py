"""What is rounded how, as data: a recipe for each precision, and the plan it makes for an export.

What each choice costs on real models is in ``bench/README.md``.
"""

from dataclasses import dataclass, replace
from typing import Literal

from onnx_export.config import MIN_EXPERT_BLOCK_SIZES, ExportConfig, Precision
from onnx_export.float_types import FloatTypes
from onnx_export.quantization import Quantization, ScaleType

RecipeName = Literal["int8", "int4", "int4-symmetric", "keep"]

# What an export is written in unless something else is asked for.
RECOMMENDED: Precision = "int4"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bits of each kind of tensor. With ``has_zero_points`` each block of four bits has its own.

    With ``keeps`` a weight that the source stores in blocks of the kernels' form stays as it is.

    The embedding, the output layer, the projection into DeepSeek-V2's cache and its first layer
    have eight bits in every recipe: every token passes through them, and they are small.
    """

    name: RecipeName
    attention_bits: int
    feed_forward_bits: int
    expert_bits: int
    has_zero_points: bool
    scale_type: ScaleType
    keeps: bool = False


_RECIPES: dict[RecipeName, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("int8", 8, 8, 8, has_zero_points=False, scale_type="float32"),
        Recipe("int4", 8, 4, 4, has_zero_points=True, scale_type="float16"),
        # Kernels for CUDA are fastest without zero points.
        Recipe("int4-symmetric", 4, 4, 4, has_zero_points=False, scale_type="float32"),
        Recipe("keep", 8, 8, 8, has_zero_points=False, scale_type="float32", keeps=True),
    )
}


def recipe_of(export: ExportConfig) -> Recipe | None:
    """Return the recipe of a precision for a target; None if weights stay floats."""
    match export.precision, export.target:
        case "int8", _:
            return _RECIPES["int8"]
        case "keep", _:
            return _RECIPES["keep"]
        case "int4", "cpu":
            return _RECIPES["int4"]
        case "int4", "cuda":
            return _RECIPES["int4-symmetric"]
        case _:
            return None


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """What is quantized how; None means that weights stay floats.

    ``experts`` are the routed ones. ``feed_forward`` are a dense layer's and the shared experts.
    ``sensitive`` is for what has eight bits in every recipe.
    """

    attention: Quantization | None
    feed_forward: Quantization | None
    experts: Quantization | None
    sensitive: Quantization | None
    float_types: FloatTypes

    @classmethod
    def of(cls, export: ExportConfig) -> "QuantizationPlan":
        """Return the plan of an export."""
        float_types = FloatTypes.of(export)
        recipe = recipe_of(export)
        if recipe is None:
            return cls(None, None, None, None, float_types)

        def grid(bits: int, block_size: int) -> Quantization:
            is_coarse = bits == 4  # noqa: PLR2004
            return Quantization(
                bits,
                block_size,
                recipe.scale_type if export.target == "cpu" else "float16",
                # Eight bits are near enough without a search and without zero points.
                searches=is_coarse and export.scale_search,
                has_zero_points=is_coarse and recipe.has_zero_points,
                keeps=recipe.keeps,
            )

        # In blocks as large as the experts' eight bits lose nothing, and of Lite's output layer,
        # which is read for every token, a seventh need not be read.
        wide = export.expert_block_size
        has_mixed_bits = recipe.attention_bits != recipe.feed_forward_bits
        return cls(
            attention=grid(recipe.attention_bits, wide if has_mixed_bits else export.block_size),
            feed_forward=grid(recipe.feed_forward_bits, export.block_size),
            experts=replace(
                grid(recipe.expert_bits, wide),
                min_block_size=MIN_EXPERT_BLOCK_SIZES[export.target],
            ),
            sensitive=grid(8, wide),
            float_types=float_types,
        )

    def of_first_layer(self) -> "QuantizationPlan":
        """Return the plan of a layer that is all sensitive."""
        return replace(self, attention=self.sensitive, feed_forward=self.sensitive)
