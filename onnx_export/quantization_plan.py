"""How an export quantizes each kind of tensor: its recipe, with the block sizes asked for."""

from dataclasses import dataclass, replace

from onnx_export.config import MIN_EXPERT_BLOCK_SIZES, ExportConfig
from onnx_export.float_types import FloatTypes
from onnx_export.quantization import Quantization


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """What is quantized how; None means that weights stay floats.

    ``experts`` are the routed ones. ``feed_forward`` are a dense layer's and the shared experts.
    ``sensitive`` is for what has eight bits in every recipe, and for all of the last
    ``num_fine_layers`` layers except their routed experts.
    """

    attention: Quantization | None
    feed_forward: Quantization | None
    experts: Quantization | None
    sensitive: Quantization | None
    num_fine_layers: int
    float_types: FloatTypes

    @classmethod
    def of(cls, export: ExportConfig) -> "QuantizationPlan":
        """Return the plan of an export."""
        float_types = FloatTypes.of(export)
        recipe = export.recipe
        if recipe is None:
            return cls(None, None, None, None, 0, float_types)

        def blocks(bits: int, block_size: int) -> Quantization:
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
            attention=blocks(recipe.attention_bits, wide if has_mixed_bits else export.block_size),
            feed_forward=blocks(recipe.feed_forward_bits, export.block_size),
            experts=replace(
                blocks(recipe.expert_bits, wide),
                min_block_size=MIN_EXPERT_BLOCK_SIZES[export.target],
            ),
            sensitive=blocks(8, wide),
            num_fine_layers=recipe.num_fine_layers,
            float_types=float_types,
        )

    def of_layer(self, layer: int, num_layers: int) -> "QuantizationPlan":
        """Return the plan of one layer of ``num_layers``."""
        return self if layer < num_layers - self.num_fine_layers else self.all_fine()

    def all_fine(self) -> "QuantizationPlan":
        """Return the plan of a layer that has eight bits, except its routed experts."""
        return replace(self, attention=self.sensitive, feed_forward=self.sensitive)
