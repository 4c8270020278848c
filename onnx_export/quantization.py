"""Block-wise quantization in the layout of MatMulNBits, QMoE and GatherBlockQuantized.

A row is cut into blocks. Each block has one scale and unsigned integers around a zero point: one of
its own, or ``2 ** (bits - 1)`` for all blocks. Four-bit values are packed two to a byte, the first
one in the low nibble.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import ConfigError
from onnx_export.finite import require_finite
from onnx_export.processors import num_processors
from onnx_export.segments import Array
from onnx_export.weights import Weight, common_form

ScaleType = Literal["float32", "float16"]
Columns = NDArray[np.float32]
"""Blocks turned on their side: one block is a column."""

# What the processor's second cache holds: nine passes go over each slab, and more in a search.
_SLAB_VALUES = 1 << 17
# Each thread holds copies of its slab, so that more threads would only take more memory.
_MAX_THREADS = 16
# Parts of the scale that the greatest value of a block asks for.
_FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8)
_NIBBLE_BITS = 4

MIN_BLOCK_SIZE = 16
MAX_BLOCK_SIZE = 256


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """Integers ``[N, blocks, block_bytes]``, scales ``[N, blocks]``, zero points packed by row.

    ``zero_points`` is None where all blocks have the same one.
    """

    integers: NDArray[np.uint8]
    scales: Array
    zero_points: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Quantization:
    """``bits`` is 4 or 8; ``block_size`` is a power of two and divides the rows it is used on.

    With ``searches`` each block's scale is chosen among several by the squared error. With
    ``has_zero_points`` each block has a zero point of its own, so that its integers cover the range
    from its least value to its greatest one. With ``keeps`` weights that their source stores in
    blocks of this form keep the bits and the size of these blocks. ``min_block_size`` is the
    smallest one that the kernel has.
    """

    bits: int
    block_size: int
    scale_type: ScaleType = "float32"
    searches: bool = False
    has_zero_points: bool = False
    keeps: bool = False
    min_block_size: int = MIN_BLOCK_SIZE

    @property
    def zero_point(self) -> int:
        """The integer that means zero where a block has no zero point of its own."""
        return 1 << (self.bits - 1)

    @property
    def block_bytes(self) -> int:
        """Bytes that the integers of one block take."""
        return self.block_size * self.bits // 8

    @property
    def bits_per_weight(self) -> float:
        """Bits that a weight takes in the file, with its share of scale and zero point."""
        shared = 8 * np.dtype(self.scale_type).itemsize + self.bits * self.has_zero_points
        return self.bits + shared / self.block_size

    def zero_point_bytes(self, blocks: int) -> int:
        """Return the bytes that the zero points of one row take."""
        return -(-blocks * self.bits // 8)

    def fitted_to(self, *row_lengths: int) -> "Quantization":
        """Return the same with a block that divides all rows. Raises ``ConfigError``."""
        size = self.block_size
        while size >= self.min_block_size:
            if all(length % size == 0 for length in row_lengths):
                return replace(self, block_size=size)
            size //= 2
        raise ConfigError(
            f"Rows of {' and '.join(map(str, row_lengths))} weights cannot be quantized: a "
            f"multiple of {self.min_block_size} is needed. Export this model with --precision fp32 "
            "or fp16."
        )

    def suited_to(self, weights: Sequence[Weight]) -> "Quantization":
        """Return what fits weights that one node multiplies with. Raises ``ConfigError``."""
        form = common_form(weights) if self.keeps else None
        if form is None:
            return self.fitted_to(*{weight.shape[-1] for weight in weights})
        bits, block_size = form
        return replace(self, bits=bits, block_size=block_size, scale_type="float16")

    def rows_of(self, weight: Weight, start: int, end: int) -> NDArray[np.float32] | QuantizedRows:
        """Return rows of a weight, as they are stored if that is in this very form."""
        blocks = weight.blocks
        form = (self.bits, self.block_size)
        if blocks is None or self.has_zero_points or (blocks.bits, blocks.block_size) != form:
            return weight.rows(start, end)
        integers, scales = blocks.rows(start, end)
        return QuantizedRows(integers, scales.astype(self.scale_type), None)

    def slabs_of(self, weight: Weight) -> Iterator[NDArray[np.float32] | QuantizedRows]:
        """Yield all rows of a weight, slab by slab."""
        return (self.rows_of(weight, start, end) for start, end in weight.spans())

    def stream(
        self, name: str, parts: Iterable[NDArray[np.float32] | QuantizedRows]
    ) -> Iterator[Array]:
        """Yield the packed integers of all rows, part by part, then all scales and zero points.

        Raises ``CheckpointError`` with the tensor's ``name`` if a weight is no finite number.
        """
        scales, zero_points = list[Array](), list[Array]()
        for part in parts:
            rows = part if isinstance(part, QuantizedRows) else self.quantize(part)
            # A weight that is no finite number makes the scale of its block none.
            require_finite(name, rows.scales)
            scales.append(rows.scales)
            if rows.zero_points is not None:
                zero_points.append(rows.zero_points)
            yield rows.integers
        yield np.concatenate(scales)
        if zero_points:
            yield np.concatenate(zero_points)

    def quantize(self, weight: NDArray[np.float32]) -> QuantizedRows:
        """Return the integers, scales and zero points of rows ``[N, K]``."""
        num_rows, row_length = weight.shape
        blocks = row_length // self.block_size
        integers = np.empty((num_rows, blocks, self.block_bytes), np.uint8)
        scales = np.empty((num_rows, blocks), self.scale_type)
        zero_points = np.empty((num_rows, blocks), np.uint8)
        step = max(1, _SLAB_VALUES // row_length)

        def quantize_slab(start: int) -> None:
            slab = slice(start, start + step)
            found = self._quantize_slab(weight[slab])
            integers[slab] = found[0].reshape(-1, blocks, self.block_bytes)
            scales[slab] = found[1].reshape(-1, blocks)
            zero_points[slab] = found[2].reshape(-1, blocks)

        starts = range(0, num_rows, step)
        num_threads = min(len(starts), num_processors(), _MAX_THREADS)
        # numpy lets go of the interpreter's lock, so that threads help.
        with ThreadPoolExecutor(max(1, num_threads)) as pool:
            list(pool.map(quantize_slab, starts))
        packed = self._pack_by_row(zero_points) if self.has_zero_points else None
        return QuantizedRows(integers, scales, packed)

    def restore(self, rows: QuantizedRows) -> NDArray[np.float32]:
        """Return the weights ``[N, K]`` that a kernel computes with."""
        num_rows, blocks, _ = rows.integers.shape
        integers = self._unpacked(rows.integers).reshape(num_rows, blocks, self.block_size)
        steps = integers.astype(np.float32)
        if rows.zero_points is None:
            steps -= np.float32(self.zero_point)
        else:
            steps -= self._unpacked(rows.zero_points)[:, :blocks, None]
        steps *= rows.scales.astype(np.float32)[..., None]
        return steps.reshape(num_rows, -1)

    def _quantize_slab(
        self, weight: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
        # In columns every pass runs along contiguous memory.
        columns = np.ascontiguousarray(weight.reshape(-1, self.block_size).T)
        # What is not finite shows in the scales, and the caller refuses it.
        with np.errstate(invalid="ignore", over="ignore"):
            if self.has_zero_points:
                scales, zero_points = self._ranges(columns)
            else:
                scales = self._scales(columns)
                zero_points = np.full(len(scales), self.zero_point, np.uint8)
            columns *= np.float32(1.0) / scales
            # Nothing is negative any more, so that cutting off rounds.
            columns += zero_points + np.float32(0.5)
            np.clip(columns, 0, np.float32(2 * self.zero_point - 0.5), out=columns)
            integers = columns.astype(np.uint8)
        if self.bits == _NIBBLE_BITS:
            integers = integers[0::2] | (integers[1::2] << np.uint8(4))
        return integers.T, scales, zero_points

    def _scales(self, columns: Columns) -> NDArray[np.float32]:
        low, high = columns.min(axis=0), columns.max(axis=0)
        # The value of greatest size is mapped onto the most negative integer exactly, because that
        # end of the range reaches one step further: hence the sign.
        extreme = np.where(-low > high, low, high)
        scales = np.asarray(extreme / np.float32(-self.zero_point), np.float32)
        scales[scales == 0] = 1.0
        if self.searches:
            scales *= self._best_factors(columns, scales)
        return self._as_stored(scales)

    def _best_factors(self, columns: Columns, scales: NDArray[np.float32]) -> NDArray[np.float32]:
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

    def _ranges(self, columns: Columns) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return scales and zero points by which integers cover each block's range.

        The range contains zero, so that a zero stays one.
        """
        low, high = np.minimum(columns.min(axis=0), 0), np.maximum(columns.max(axis=0), 0)
        greatest = np.float32(2 * self.zero_point - 1)
        scales = (high - low) / greatest
        scales[scales == 0] = 1.0
        zero_points = np.clip(np.rint(-low / scales), 0, greatest)
        if self.searches:
            scales = self._best_scales(columns, scales, zero_points)
        return self._as_stored(scales), zero_points.astype(np.uint8)

    def _best_scales(
        self, columns: Columns, scales: NDArray[np.float32], zero_points: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return for each block the scale that moves its weights the least.

        For given integers the best scale is that of least squares. It leaves the error
        ``|weights|^2 - (weights . integers)^2 / |integers|^2``.
        """
        low, high = -zero_points, np.float32(2 * self.zero_point - 1) - zero_points
        best = scales
        most = np.zeros(len(scales), np.float32)
        for factor in _FACTORS:
            steps = np.rint(columns * (np.float32(1 / factor) / scales))
            np.clip(steps, low, high, out=steps)
            product = np.einsum("ij,ij->j", columns, steps)
            square = np.maximum(np.einsum("ij,ij->j", steps, steps), np.float32(1))
            gain = product * product / square
            is_better = (gain > most) & (product > 0)
            best = np.where(is_better, product / square, best)
            most = np.where(is_better, gain, most)
        return best

    def _as_stored(self, scales: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scales as the file holds them; none of them is zero."""
        rounded = scales.astype(self.scale_type)
        rounded[rounded == 0] = 1.0
        return np.asarray(rounded, np.float32)

    def _pack_by_row(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.bits != _NIBBLE_BITS:
            return values
        even = np.pad(values, ((0, 0), (0, values.shape[1] % 2)))
        return even[:, 0::2] | (even[:, 1::2] << np.uint8(4))

    def _unpacked(self, packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.bits != _NIBBLE_BITS:
            return packed
        return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
