"""The routed experts' weights, whichever way the checkpoint keeps them.

Published checkpoints have one matrix for each expert and projection; transformers 5 holds them
fused over experts, gate above up. Read one expert at a time, both look the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import GraphBuilder
from onnx_export.weights import Weight


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

    def gate_up_of(self, expert: int) -> NDArray[np.float32]:
        """Return ``[2 * intermediate, hidden]``, rows of gate and up alternating.

        That is the layout of ``swiglu_fusion=1``, the only one that the CPU kernels have.
        """
        halves = np.concatenate([part.read() for part in self.gate_up_parts[expert]])
        rows, hidden = halves.shape
        return halves.reshape(2, rows // 2, hidden).transpose(1, 0, 2).reshape(rows, hidden)

    def down_of(self, expert: int) -> NDArray[np.float32]:
        """Return ``[hidden, intermediate]``."""
        return self.down_parts[expert].read()
