"""Where weights come from, as the graph sees it: find now, read when written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# A vocabulary's matrix whole would be most of a gigabyte in float32.
_SLAB_VALUES = 1 << 23


@dataclass(frozen=True, slots=True)
class Blocks:
    """A weight as it is stored already: in blocks with one scale each and no zero point.

    ``rows(start, end)`` gives integers ``[N, blocks, block_size * bits / 8]``, unsigned around
    ``2 ** (bits - 1)`` and packed as in ``quantization.py``, and scales ``[N, blocks]``.
    """

    bits: int
    block_size: int
    rows: Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that was found but not read.

    ``rows(start, end)`` gives a part along the first axis as float32, anew each time. ``blocks`` is
    None unless the source stores the weight in blocks that the kernels have too.
    """

    name: str
    shape: tuple[int, ...]
    rows: Callable[[int, int], NDArray[np.float32]]
    blocks: Blocks | None = None

    def read(self) -> NDArray[np.float32]:
        """Return all of it."""
        return self.rows(0, self.shape[0])

    def slabs(self) -> Iterator[NDArray[np.float32]]:
        """Yield its rows in order, some 32 MB at a time."""
        for start, end in self.spans():
            yield self.rows(start, end)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each slab and the one after its last."""
        num_rows, *rest = self.shape
        step = max(1, _SLAB_VALUES // max(1, int(np.prod(rest))))
        for start in range(0, num_rows, step):
            yield start, min(start + step, num_rows)


def stacked(name: str, parts: Sequence[Weight]) -> Weight:
    """Return a weight whose rows are those of ``parts``, one after another."""
    num_rows = sum(part.shape[0] for part in parts)

    def overlaps(start: int, end: int) -> Iterator[tuple[Weight, int, int]]:
        first = 0
        for part in parts:
            low, high = max(start - first, 0), min(end - first, part.shape[0])
            if low < high:
                yield part, low, high
            first += part.shape[0]

    def rows(start: int, end: int) -> NDArray[np.float32]:
        return np.concatenate([part.rows(low, high) for part, low, high in overlaps(start, end)])

    def stored(start: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        found = [
            part.blocks.rows(low, high)
            for part, low, high in overlaps(start, end)
            if part.blocks is not None
        ]
        integers, scales = zip(*found, strict=True)
        return np.concatenate(integers), np.concatenate(scales)

    form = common_form(parts)
    blocks = None if form is None else Blocks(*form, stored)
    return Weight(name, (num_rows, *parts[0].shape[1:]), rows, blocks)


def common_form(weights: Iterable[Weight]) -> tuple[int, int] | None:
    """Return the bits and the block size of all weights, None unless they are the same."""
    forms = {(w.blocks.bits, w.blocks.block_size) if w.blocks else None for w in weights}
    return forms.pop() if len(forms) == 1 else None


class Weights(Protocol):
    """A checkpoint, or one that is made up."""

    @property
    def identity(self) -> str:
        """A text that changes with the content; an export continues only with the same one."""
        ...

    def __contains__(self, name: str) -> bool:
        """Whether a tensor of this name exists."""
        ...

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        ...

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Find one slice along the first axis of a tensor of ``shape``."""
        ...
