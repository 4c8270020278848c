"""Where weights come from, as the graph sees it: find now, read when written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# A vocabulary's matrix whole would be most of a gigabyte in float32.
_SLAB_VALUES = 1 << 23


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that was found but not read.

    ``rows(start, end)`` gives a part along the first axis as float32, anew each time.
    """

    name: str
    shape: tuple[int, ...]
    rows: Callable[[int, int], NDArray[np.float32]]

    def read(self) -> NDArray[np.float32]:
        """Return all of it."""
        return self.rows(0, self.shape[0])

    def slabs(self) -> Iterator[NDArray[np.float32]]:
        """Yield its rows in order, some 32 MB at a time."""
        num_rows, *rest = self.shape
        step = max(1, _SLAB_VALUES // max(1, int(np.prod(rest))))
        for start in range(0, num_rows, step):
            yield self.rows(start, min(start + step, num_rows))


def stacked(name: str, parts: Sequence[Weight]) -> Weight:
    """Return a weight whose rows are those of ``parts``, one after another."""
    num_rows = sum(part.shape[0] for part in parts)

    def rows(start: int, end: int) -> NDArray[np.float32]:
        found = list[NDArray[np.float32]]()
        first = 0
        for part in parts:
            low, high = max(start - first, 0), min(end - first, part.shape[0])
            if low < high:
                found.append(part.rows(low, high))
            first += part.shape[0]
        return np.concatenate(found)

    return Weight(name, (num_rows, *parts[0].shape[1:]), rows)


class Weights(Protocol):
    """A checkpoint, or one that is made up."""

    @property
    def identity(self) -> str:
        """A text that changes when the content does: an export goes on only with the same."""
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
