"""What is rounded how, as data. What each choice costs on real models is in ``bench/README.md``."""

from dataclasses import dataclass
from types import MappingProxyType

from onnx_export.quantization import ScaleType


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bits of each kind of tensor. With ``has_zero_points`` each block of four bits has its own.

    The last ``num_fine_layers`` layers have eight bits, except their routed experts. So do the
    embedding, the output layer, the projection into DeepSeek-V2's cache and its dense layers: every
    token passes through them, and they are small.

    With ``keeps`` a weight that the source stores in blocks of the kernels' form stays as it is.
    """

    name: str
    attention_bits: int
    feed_forward_bits: int
    expert_bits: int
    num_fine_layers: int = 0
    has_zero_points: bool = False
    scale_type: ScaleType = "float32"
    keeps: bool = False


INT8 = Recipe("int8", 8, 8, 8)
KEEP = Recipe("keep", 8, 8, 8, keeps=True)
INT4 = Recipe(
    "int4",
    attention_bits=8,
    feed_forward_bits=4,
    expert_bits=4,
    num_fine_layers=1,
    has_zero_points=True,
    scale_type="float16",
)
# Kernels for CUDA are fastest without zero points.
INT4_SYMMETRIC = Recipe("int4-symmetric", 4, 4, 4)

RECIPES = MappingProxyType(
    {
        ("int8", "cpu"): INT8,
        ("int8", "cuda"): INT8,
        ("keep", "cpu"): KEEP,
        ("keep", "cuda"): KEEP,
        ("int4", "cpu"): INT4,
        ("int4", "cuda"): INT4_SYMMETRIC,
    }
)
"""The recipe of each precision for each target. Other precisions keep floats."""
