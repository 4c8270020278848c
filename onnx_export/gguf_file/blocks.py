"""Q4_0 and Q8_0 as the blocks of ONNX Runtime: the same integers and scales, packed differently.

Both formats have blocks of 32 weights with one scale in half precision and no zero point, which is
what MatMulNBits, QMoE and GatherBlockQuantized compute with.
"""

from collections.abc import Callable

import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from onnx_export.gguf_file.files import StoredTensor
from onnx_export.weights import Blocks

BLOCK_SIZE = 32
_SCALE_BYTES = 2
_HALF = BLOCK_SIZE // 2

BITS = {GGMLQuantizationType.Q4_0: 4, GGMLQuantizationType.Q8_0: 8}


def blocks_of(tensor: StoredTensor, rows: Callable[[int, int], NDArray[np.uint8]]) -> Blocks | None:
    """Return the tensor's blocks, None if it is stored in another type."""
    bits = BITS.get(tensor.info.kind)
    if bits is None:
        return None
    unpack = _of_q4_0 if bits == 4 else _of_q8_0  # noqa: PLR2004

    def read(start: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        stored = rows(start, end)
        blocks = stored.reshape(end - start, -1, _SCALE_BYTES + BLOCK_SIZE * bits // 8)
        scales = np.ascontiguousarray(blocks[..., :_SCALE_BYTES]).view("<f2")[..., 0]
        return unpack(blocks[..., _SCALE_BYTES:]), scales.astype(np.float32)

    return Blocks(bits, BLOCK_SIZE, read)


def _of_q4_0(stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return neighbours in one byte; the file has the first half of a block in the low bits."""
    pairs = np.ascontiguousarray(stored).view("<u2")
    packed = np.empty_like(stored)
    packed[..., : _HALF // 2] = (pairs & 0x0F) | ((pairs >> 4) & 0xF0)
    packed[..., _HALF // 2 :] = ((pairs >> 4) & 0x0F) | ((pairs >> 8) & 0xF0)
    return packed


def _of_q8_0(stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return integers around 128; the file has them signed."""
    return stored ^ np.uint8(0x80)
