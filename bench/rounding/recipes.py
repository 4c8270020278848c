"""The recipes that are compared: the exporter's own, and what was tried beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from onnx_export.config import ExportConfig
from onnx_export.recipes import INT4, INT4_SYMMETRIC, INT8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recipe with the block sizes it is judged with."""

    name: str
    config: ExportConfig


def candidates() -> Iterator[Candidate]:
    """Yield all, the most exact first."""
    symmetric = replace(INT4_SYMMETRIC, scale_type="float16")
    zero_points = replace(symmetric, has_zero_points=True)
    attention = replace(zero_points, attention_bits=8)
    for name, recipe, config in (
        ("int8", INT8, ExportConfig("int8")),
        ("int4", INT4, ExportConfig("int4")),
        ("symmetric", symmetric, ExportConfig("int4")),
        ("zero points", zero_points, ExportConfig("int4")),
        ("zero points, blocks of 16", zero_points, ExportConfig("int4", block_size=16)),
        ("zero points, attention in 8 bits", attention, ExportConfig("int4")),
        ("int4 without a search", INT4, ExportConfig("int4", scale_search=False)),
        ("int4, blocks of 64", INT4, ExportConfig("int4", block_size=64)),
        (
            "int4, two last layers in 8 bits",
            replace(INT4, num_fine_layers=2),
            ExportConfig("int4"),
        ),
    ):
        yield Candidate(name, replace(config, asked_recipe=replace(recipe, name=name)))
