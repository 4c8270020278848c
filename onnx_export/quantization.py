"""Block-wise symmetric quantization in the layout of MatMulNBits, QMoE and GatherBlockQuantized.

A row is cut into blocks; each block has one scale and unsigned integers around a zero point of
``2 ** (bits - 1)``. Four-bit values are packed two to a byte, the first one in the low nibble.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from onnx_export.config import MIN_BLOCK_SIZE, ExportConfig
from onnx_export.errors import ConfigError
from onnx_export.float_types import FloatTypes
from onnx_export.segments import Array

ScaleType = Literal["float32", "float16"]

# What the processor's second cache holds: nine passes go over each slab, and more in a search.
_SLAB_VALUES = 1 << 17
# Of the scale that the greatest value asks for; thirteen down to 0.7 were no better than these.
_FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8)


@dataclass(frozen=True, slots=True)
class Quantization:
    """``bits`` is 4 or 8; ``block_size`` is a power of two and divides the rows it is used on.

    With ``searches`` each block's scale is chosen among several by the squared error.
    """

    bits: int
    block_size: int
    scale_type: ScaleType = "float32"
    searches: bool = False

    @property
    def zero_point(self) -> int:
        """The integer that stands for zero."""
        return 1 << (self.bits - 1)

    @property
    def block_bytes(self) -> int:
        """Bytes that the integers of one block take."""
        return self.block_size * self.bits // 8

    def fitted_to(self, *row_lengths: int) -> "Quantization":
        """Return the same with a block that divides all rows. Raises ``ConfigError``."""
        size = self.block_size
        while size >= MIN_BLOCK_SIZE:
            if all(length % size == 0 for length in row_lengths):
                return replace(self, block_size=size)
            size //= 2
        raise ConfigError(
            f"Rows of {' and '.join(map(str, row_lengths))} weights cannot be quantized: a "
            f"multiple of {MIN_BLOCK_SIZE} is needed. Export this model with --precision fp32."
        )

    def stream(self, parts: Iterable[NDArray[np.float32]]) -> Iterator[Array]:
        """Yield the packed integers of all rows, part by part, and then all scales."""
        scales = list[Array]()
        for part in parts:
            packed, part_scales = self.quantize(part)
            scales.append(part_scales)
            yield packed
        yield np.concatenate(scales)

    def quantize(self, weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], Array]:
        """Return integers ``[N, K / block, block_bytes]`` and scales ``[N, K / block]``."""
        num_rows, row_length = weight.shape
        blocks = row_length // self.block_size
        packed = np.empty((num_rows, blocks, self.block_bytes), np.uint8)
        scales = np.empty((num_rows, blocks), self.scale_type)
        step = max(1, _SLAB_VALUES // row_length)

        def quantize_slab(start: int) -> None:
            slab = slice(start, start + step)
            packed[slab], scales[slab] = self._quantize_slab(weight[slab], blocks)

        starts = range(0, num_rows, step)
        # numpy lets go of the interpreter's lock, so that threads help.
        with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
            list(pool.map(quantize_slab, starts))
        return packed, scales

    def _quantize_slab(
        self, weight: NDArray[np.float32], blocks: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        # Turned on their side, blocks are columns, and every pass runs along contiguous memory.
        columns = np.ascontiguousarray(weight.reshape(-1, self.block_size).T)
        scales = self._scales(columns)
        columns *= np.float32(1.0) / scales
        # Nothing is negative any more, so that cutting off rounds.
        columns += np.float32(self.zero_point + 0.5)
        np.clip(columns, 0, np.float32(2 * self.zero_point - 0.5), out=columns)
        integers = columns.astype(np.uint8)
        if self.bits == 4:  # noqa: PLR2004
            integers = integers[0::2] | (integers[1::2] << np.uint8(4))
        return (
            integers.T.reshape(-1, blocks, self.block_bytes),
            scales.reshape(-1, blocks),
        )

    def _scales(self, columns: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = columns.min(axis=0), columns.max(axis=0)
        # The value of greatest size is mapped onto the most negative integer exactly, because that
        # end of the range reaches one step further: hence the sign.
        extreme = np.where(-low > high, low, high)
        scales = np.asarray(extreme / np.float32(-self.zero_point), np.float32)
        scales[scales == 0] = 1.0
        if self.searches:
            scales *= self._best_factors(columns, scales)
        rounded = scales.astype(self.scale_type)
        rounded[rounded == 0] = 1.0
        return np.asarray(rounded, np.float32)

    def _best_factors(
        self, columns: NDArray[np.float32], scales: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return for each block the factor on its scale that moves its weights the least.

        A smaller scale cuts off the greatest value and is finer for all others.
        """
        steps = columns / scales
        best = np.ones(len(scales), np.float32)
        least = np.full(len(scales), np.inf, np.float32)
        for factor in _FACTORS:
            rounded = np.rint(steps * np.float32(1 / factor))
            np.clip(rounded, -self.zero_point, self.zero_point - 1, out=rounded)
            rounded *= np.float32(factor)
            rounded -= steps
            error = np.einsum("ij,ij->j", rounded, rounded)
            is_better = error < least
            best[is_better], least[is_better] = factor, error[is_better]
        return best


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """What is quantized how; None stands for weights as they are.

    ``experts`` are the routed ones. ``sensitive`` is for what every token passes through and little
    is saved on: the embedding, the output layer, the projection into the cache and DeepSeek-V2's
    first layer stay at eight bits in a four-bit model. What each is worth stands in
    ``bench/README.md``.
    """

    body: Quantization | None
    experts: Quantization | None
    sensitive: Quantization | None
    float_types: FloatTypes

    @classmethod
    def of(cls, export: ExportConfig) -> "QuantizationPlan":
        """Return the plan of a precision."""
        float_types = FloatTypes.of(export)
        bits, block = export.bits, export.block_size
        if bits is None:
            return cls(None, None, None, float_types)
        scale_type: ScaleType = "float32" if export.target == "cpu" else "float16"
        # Eight bits are near enough without it.
        searches = bits == 4 and export.scale_search  # noqa: PLR2004
        return cls(
            body=Quantization(bits, block, scale_type, searches),
            experts=Quantization(bits, export.expert_block_size, scale_type, searches),
            # In blocks as large as the experts' nothing is lost, and of Lite's output layer, which
            # is read for every token, a seventh need not be read.
            sensitive=Quantization(8, export.expert_block_size, scale_type),
            float_types=float_types,
        )

    def of_first_layer(self) -> "QuantizationPlan":
        """Return the plan of a layer that is all sensitive."""
        return replace(self, body=self.sensitive)
