"""The routed experts' weights, in either layout of a checkpoint.

Published checkpoints have one matrix for each expert and projection. transformers 5 joins those of
all experts, with gate above up. Read one expert at a time, both layouts look the same.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import GraphBuilder
from onnx_export.quantization import Quantization, QuantizedRows
from onnx_export.weights import Weight

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class ExpertWeights:
    """For each expert, the parts of gate above up (one or two) and the down projection."""

    gate_up_parts: Sequence[Sequence[Weight]]
    down_parts: Sequence[Weight]
    gate_up_shape: tuple[int, int, int]
    down_shape: tuple[int, int, int]

    @classmethod
    def find(cls, builder: GraphBuilder, config: DeepseekV2Config) -> "ExpertWeights":
        """Find the experts of the current scope. Raises ``CheckpointError``."""
        experts, hidden = config.n_routed_experts, config.hidden_size
        intermediate = config.moe_intermediate_size
        gate_up_shape = (experts, 2 * intermediate, hidden)
        down_shape = (experts, hidden, intermediate)
        find, path, every = builder.weights.find, builder.path, range(experts)
        if path("gate_up_proj") in builder.weights:
            find_slice = builder.weights.find_slice
            gate_up = [[find_slice(path("gate_up_proj"), gate_up_shape, i)] for i in every]
            down = [find_slice(path("down_proj"), down_shape, i) for i in every]
        else:
            half = (intermediate, hidden)
            gate_up = [
                [find(path(f"{i}.{name}.weight"), half) for name in ("gate_proj", "up_proj")]
                for i in every
            ]
            down = [find(path(f"{i}.down_proj.weight"), (hidden, intermediate)) for i in every]
        return cls(gate_up, down, gate_up_shape, down_shape)

    @property
    def all_parts(self) -> Sequence[Weight]:
        """All matrices of all experts."""
        return [*itertools.chain.from_iterable(self.gate_up_parts), *self.down_parts]

    def gate_up_of(self, expert: int) -> NDArray[np.float32]:
        """Return ``[2 * intermediate, hidden]``, rows of gate and up alternating."""
        return _alternating([part.read() for part in self.gate_up_parts[expert]])

    def down_of(self, expert: int) -> NDArray[np.float32]:
        """Return ``[hidden, intermediate]``."""
        return self.down_parts[expert].read()

    def gate_up_rows(
        self, expert: int, quantization: Quantization
    ) -> NDArray[np.float32] | QuantizedRows:
        """Return ``gate_up_of`` an expert, as it is stored if that is in this very form."""
        parts = [_all_rows(part, quantization) for part in self.gate_up_parts[expert]]
        stored = [part for part in parts if isinstance(part, QuantizedRows)]
        if len(stored) < len(parts):
            return self.gate_up_of(expert)
        integers = _alternating([part.integers for part in stored])
        return QuantizedRows(integers, _alternating([part.scales for part in stored]), None)

    def down_rows(
        self, expert: int, quantization: Quantization
    ) -> NDArray[np.float32] | QuantizedRows:
        """Return ``down_of`` an expert, as it is stored if that is in this very form."""
        return _all_rows(self.down_parts[expert], quantization)


def _all_rows(weight: Weight, quantization: Quantization) -> NDArray[np.float32] | QuantizedRows:
    return quantization.rows_of(weight, 0, weight.shape[0])


def _alternating(halves: Sequence[NDArray[_Number]]) -> NDArray[_Number]:
    """Return rows of gate and up in turns; they come as two arrays or as one above the other.

    That is the layout of ``swiglu_fusion=1``, the only one that the CPU kernels have.
    """
    both = np.concatenate(halves)
    return both.reshape(2, len(both) // 2, *both.shape[1:]).swapaxes(0, 1).reshape(both.shape)
