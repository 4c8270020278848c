"""Weights made up on demand, for measuring speed at true widths without a checkpoint.

A tensor's content depends on the seed and its name only, so the order of reading does not matter.
"""

import functools
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.weights import Weight

# transformers' initializer_range.
_STANDARD_DEVIATION = 0.02


@dataclass(frozen=True, slots=True)
class RandomWeights:
    """Every tensor exists, with experts as separate matrices; norms are one, the rest normal."""

    seed: int

    def __contains__(self, name: str) -> bool:
        return not name.endswith(("experts.gate_up_proj", "experts.down_proj"))

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Promise a tensor."""
        return Weight(name, shape, functools.partial(self._make, name, shape))

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Promise one slice along the first axis of a tensor of ``shape``."""
        return self.find(f"{name}[{index}]", shape[1:])

    def _make(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if name.endswith("norm.weight"):
            return np.ones(shape, np.float32)
        generator = np.random.default_rng((self.seed, zlib.crc32(name.encode())))
        values = generator.standard_normal(shape, dtype=np.float32)
        values *= np.float32(_STANDARD_DEVIATION)
        return values
