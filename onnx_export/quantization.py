"""Block-wise symmetric quantization in the layout of MatMulNBits, QMoE and GatherBlockQuantized.

A row is cut into blocks; each block has one float32 scale and unsigned integers around a zero point
of ``2 ** (bits - 1)``. Four-bit values are packed two to a byte, the first one in the low nibble.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.config import MIN_BLOCK_SIZE, ExportConfig
from onnx_export.errors import ConfigError

_SLAB_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Quantization:
    """``bits`` is 4 or 8; ``block_size`` is a power of two and divides the rows it is used on."""

    bits: int
    block_size: int

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
                return Quantization(self.bits, size)
            size //= 2
        raise ConfigError(
            f"Rows of {' and '.join(map(str, row_lengths))} weights cannot be quantized: a "
            f"multiple of {MIN_BLOCK_SIZE} is needed. Export this model with --precision fp32."
        )

    def scales(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scales ``[N, K / block]`` of ``weight`` ``[N, K]``."""
        blocks = self._blocks(weight)
        low, high = blocks.min(axis=-1), blocks.max(axis=-1)
        # The value of greatest size is mapped onto the most negative integer exactly, because that
        # end of the range reaches one step further: hence the sign.
        extreme = np.where(-low > high, low, high)
        scales = extreme.astype(np.float32) / np.float32(-self.zero_point)
        scales[scales == 0] = 1.0
        return np.asarray(scales, np.float32)

    def quantize(self, weight: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the packed integers ``[N, K / block, block_bytes]`` of ``weight`` ``[N, K]``."""
        # Slab by slab: a vocabulary's matrix whole would need three more copies in float32.
        slabs = (weight[i : i + _SLAB_ROWS] for i in range(0, len(weight), _SLAB_ROWS))
        return np.concatenate([self._quantize_slab(slab) for slab in slabs])

    def _quantize_slab(self, weight: NDArray[np.float32]) -> NDArray[np.uint8]:
        inverse = np.float32(1.0) / self.scales(weight)
        integers = self._blocks(weight) * inverse[..., None]
        np.rint(integers, out=integers)
        integers += self.zero_point
        np.clip(integers, 0, 2 * self.zero_point - 1, out=integers)
        values = integers.astype(np.uint8)
        if self.bits == 8:  # noqa: PLR2004
            return values
        return values[..., 0::2] | (values[..., 1::2] << np.uint8(4))

    def _blocks(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        return weight.reshape(*weight.shape[:-1], -1, self.block_size)


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """What is quantized how; None stands for float32.

    ``sensitive`` is for what every token passes through and little is saved on: the embedding, the
    output layer and the projection into the cache stay at eight bits in a four-bit model.
    """

    body: Quantization | None
    sensitive: Quantization | None

    @classmethod
    def of(cls, export: ExportConfig) -> "QuantizationPlan":
        """Return the plan of a precision."""
        match export.precision:
            case "fp32":
                return cls(None, None)
            case "int8":
                return cls(Quantization(8, export.block_size), Quantization(8, export.block_size))
            case "int4":
                return cls(Quantization(4, export.block_size), Quantization(8, export.block_size))
