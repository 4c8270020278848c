"""The types of values that are not quantized."""

from dataclasses import dataclass

import onnx_ir as ir

from onnx_export.config import ExportConfig


@dataclass(frozen=True, slots=True)
class FloatTypes:
    """Types of the values that a graph computes, and of the weights in the file."""

    activations: ir.DataType
    storage: ir.DataType

    @classmethod
    def of(cls, export: ExportConfig) -> "FloatTypes":
        """Return the types for a target: GPUs compute in halves, CPUs in single precision."""
        single, half = ir.DataType.FLOAT, ir.DataType.FLOAT16
        activations = single if export.target == "cpu" else half
        return cls(activations, half if export.precision == "fp16" else activations)


SINGLE = FloatTypes(ir.DataType.FLOAT, ir.DataType.FLOAT)
