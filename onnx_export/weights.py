"""Where weights come from, as the graph sees it: find now, read when written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that was found but not read; ``read`` gives it as float32, anew each time."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], NDArray[np.float32]]


class Weights(Protocol):
    """A checkpoint, or one that is made up."""

    def __contains__(self, name: str) -> bool:
        """Whether a tensor of this name exists."""
        ...

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        ...

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Find one slice along the first axis of a tensor of ``shape``."""
        ...
