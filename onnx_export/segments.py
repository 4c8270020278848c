"""What the weights file holds and where, before any of it is made.

The file is written from its beginning to its end in one pass. Therefore everything that is made
from one reading of a weight, such as its integers and their scales, is one segment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

# The size of a page: a reader may map any large tensor alone.
_ALIGNMENT = 4096

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of the weights file; ``name`` is its initializer's."""

    name: str
    dtype: ir.DataType
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        return int(np.prod(self.shape)) * self.dtype.numpy().itemsize


@dataclass(frozen=True, slots=True)
class Segment:
    """Tensors that are made together.

    ``make`` yields the content of all of them in order, in pieces of any size that end where a
    tensor ends. It may be called again and then yields the same.
    """

    tensors: tuple[StoredTensor, ...]
    make: Callable[[], Iterator[Array]]


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment with the offset of each tensor in the file."""

    segment: Segment
    offsets: tuple[int, ...]

    @property
    def end(self) -> int:
        """Offset of the first byte after it."""
        return self.offsets[-1] + self.segment.tensors[-1].nbytes


def place(segments: Sequence[Segment]) -> tuple[PlacedSegment, ...]:
    """Give every tensor its place, one after another."""
    placed = list[PlacedSegment]()
    end = 0
    for segment in segments:
        offsets = list[int]()
        for tensor in segment.tensors:
            offsets.append(-(-end // _ALIGNMENT) * _ALIGNMENT)
            end = offsets[-1] + tensor.nbytes
        placed.append(PlacedSegment(segment, tuple(offsets)))
    return tuple(placed)
