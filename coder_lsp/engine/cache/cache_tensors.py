"""The tensors of a KV cache in either layout; all of them have one shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from coder_lsp.models.model_folder import LatentLayout

if TYPE_CHECKING:
    import numpy.typing as npt

    from coder_lsp.models.model_folder import CacheLayout

    Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class CacheTensors:
    """A tensor is ``[*leading, capacity, width]``; in the graph it is ``past.{name}``.

    ``leading`` is empty for latents, and ``(1, kv heads)`` for keys and values.
    """

    names: tuple[str, ...]
    leading: tuple[int, ...]
    width: int
    dtype: str

    @classmethod
    def of(cls, layout: CacheLayout) -> CacheTensors:
        """Return the tensors of a layout."""
        layers = range(layout.num_layers)
        if isinstance(layout, LatentLayout):
            return cls(tuple(map(str, layers)), (), layout.width, layout.dtype)
        names = tuple(f"{i}.{kind}" for i in layers for kind in ("key", "value"))
        return cls(names, (1, layout.num_key_value_heads), layout.head_dim, layout.dtype)

    @property
    def rows_shape(self) -> tuple[int, int, int, int]:
        """The shape of some tokens' rows in all tensors; -1 is the number of tokens."""
        return len(self.names), self._num_heads, -1, self.width

    @property
    def is_bound_by_length(self) -> bool:
        """Whether a run is given only the rows that it may read, rather than whole buffers.

        The rows of a latent are contiguous. GroupQueryAttention needs the whole buffers of all
        heads.
        """
        return not self.leading

    @property
    def token_bytes(self) -> int:
        """Bytes of one token in all tensors."""
        values = len(self.names) * self._num_heads * self.width
        return values * int(np.dtype(self.dtype).itemsize)

    def zeros(self, capacity: int) -> list[Array]:
        """Return new buffers, one for each tensor."""
        # Zeros rather than empty: rows beyond the offset are masked, but NaN × 0 is NaN.
        return [np.zeros(self.shape(capacity), self.dtype) for _ in self.names]

    def shape(self, num_rows: int) -> tuple[int, ...]:
        """Return the shape of each tensor with so many rows."""
        return (*self.leading, num_rows, self.width)

    def by_head(self, buffer: Array) -> Array:
        """Return a view ``[heads, capacity, width]`` of a buffer."""
        return buffer.reshape(self._num_heads, -1, self.width)

    @property
    def _num_heads(self) -> int:
        return math.prod(self.leading)
