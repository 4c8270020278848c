"""Weights made up on demand, for measuring speed at true widths without a checkpoint.

A tensor's content depends on the seed and its name only, so the order of reading does not matter.
Drawing 15.7 billion normal numbers would take longer than writing them. Therefore each row is a
stretch of one pool of them, with its own start and its own factor.
"""

import functools
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from onnx_export.weights import Weight

# transformers' initializer_range.
_STANDARD_DEVIATION = 0.02
_POOL_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class RandomWeights:
    """Every tensor exists, with experts as separate matrices; norms are one, the rest normal."""

    seed: int

    @property
    def identity(self) -> str:
        """The seed: nothing else changes the content."""
        return f"random weights, seed {self.seed}"

    def __contains__(self, name: str) -> bool:
        return not name.endswith(("experts.gate_up_proj", "experts.down_proj"))

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Promise a tensor."""
        return Weight(name, shape, functools.partial(self._rows, name, shape))

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Promise one slice along the first axis of a tensor of ``shape``."""
        return self.find(f"{name}[{index}]", shape[1:])

    def _rows(self, name: str, shape: tuple[int, ...], start: int, end: int) -> NDArray[np.float32]:
        if name.endswith("norm.weight"):
            return np.ones((end - start, *shape[1:]), np.float32)
        width = int(np.prod(shape[1:]))
        generator = np.random.default_rng((self.seed, zlib.crc32(name.encode())))
        starts = generator.integers(0, _POOL_SIZE - width, shape[0])[start:end]
        factors = generator.uniform(0.9, 1.1, shape[0]).astype(np.float32)[start:end]
        rows = sliding_window_view(_pool(self.seed), width)[starts]
        rows *= factors[:, None]
        return rows.reshape(-1, *shape[1:])


@functools.lru_cache(maxsize=1)
def _pool(seed: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(_POOL_SIZE, dtype=np.float32)
    values *= np.float32(_STANDARD_DEVIATION)
    return values
