"""The KV cache of one sequence: keys and values of the tokens that the model has read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from coder_lsp.engine.cache.cache_buffers import allocate
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.device.runtime import translating

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from coder_lsp.engine.cache.cache_buffers import Rows
    from coder_lsp.models.model_folder import CacheLayout

CAPACITY_STEP = 256


class KVCache:
    """A buffer for each tensor of the layout; the first ``offset`` rows of it are valid.

    Each buffer is bound as past and as present, so a run writes its rows in place. To drop rows is
    arithmetic: rows beyond ``offset`` are never read and will be overwritten.
    """

    def __init__(
        self, session: Any, layout: CacheLayout, capacity: int, device: str = "cpu"
    ) -> None:
        """``device`` is where the graph runs, as ONNX Runtime names it."""
        self._session = session
        self._layout = layout
        self._device = device
        self._tensors = CacheTensors.of(layout)
        self._token_ids: list[int] = []
        self._num_bound_rows = 0
        self._allocate(_round_up(capacity))

    @property
    def offset(self) -> int:
        """Number of tokens held."""
        return len(self._token_ids)

    @property
    def token_ids(self) -> Sequence[int]:
        """The tokens held, in order."""
        return self._token_ids

    @property
    def capacity(self) -> int:
        """Number of tokens that there is room for."""
        return self._capacity

    @property
    def nbytes(self) -> int:
        """Bytes of memory, whether the rows are valid or not."""
        return self._buffers.nbytes

    def bind(self, total_length: int) -> Any:
        """Return the ``IOBinding`` with past and present bound for a run up to ``total_length``.

        Only these rows of a latent are bound: the graph would have to cut off the others, which
        copies. The memory is the same each time.
        """
        num_rows = total_length if self._tensors.is_bound_by_length else self._capacity
        if num_rows != self._num_bound_rows:
            shape = self._tensors.shape(num_rows)
            for name, value in zip(self._tensors.names, self._buffers.values, strict=True):
                place = (self._device, 0, self._tensors.dtype, shape, value.data_ptr())
                self._binding.bind_input(f"past.{name}", *place)
                self._binding.bind_output(f"present.{name}", *place)
            self._num_bound_rows = num_rows
        return self._binding

    def append(self, token_ids: Sequence[int]) -> None:
        """Count the rows that a run has just written from ``offset`` on."""
        self._token_ids.extend(token_ids)

    def read(self, start: int, end: int) -> Rows:
        """Return rows ``start`` to ``end`` of each tensor; the next run may overwrite them."""
        with translating("A KV cache could not be read"):
            return self._buffers.read(start, end)

    def rows(self, start: int, end: int) -> npt.NDArray[Any]:
        """Return a copy of rows ``start`` to ``end``: ``[tensors, heads, end - start, width]``."""
        return np.stack(self.read(start, end))

    @translating("A KV cache could not be made or copied")
    def append_rows(self, token_ids: Sequence[int], rows: npt.NDArray[Any]) -> None:
        """Append tokens that were computed before.

        ``rows`` is ``[tensors, heads, as many tokens or more, width]``, as ``rows`` returned it.
        """
        self.reserve(self.offset + len(token_ids))
        self._buffers.write(self.offset, list(rows[:, :, : len(token_ids)]))
        self.append(token_ids)

    def trim(self, num_tokens: int) -> None:
        """Drop the last ``num_tokens`` tokens."""
        if num_tokens > 0:
            del self._token_ids[-num_tokens:]

    @translating("A KV cache could not be made or copied")
    def fork(self, num_tokens: int, capacity: int) -> KVCache:
        """Return a new cache with a copy of the first ``num_tokens`` rows."""
        other = KVCache(self._session, self._layout, max(capacity, num_tokens), self._device)
        other._buffers.write(0, self._buffers.read(0, num_tokens))
        other.append(self._token_ids[:num_tokens])
        return other

    @translating("A KV cache could not be made or copied")
    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` tokens; the rows held stay."""
        if capacity <= self._capacity:
            return
        old = self._buffers
        self._allocate(_round_up(capacity))
        self._buffers.write(0, old.read(0, self.offset))

    @translating("A KV cache could not be made or copied")
    def _allocate(self, capacity: int) -> None:
        self._buffers = allocate(self._tensors, capacity, self._device)
        self._capacity = capacity
        # The binding does not keep what is bound alive; the buffers do.
        self._binding = self._session.io_binding()
        self._num_bound_rows = 0


def _round_up(capacity: int) -> int:
    return -(-max(capacity, 1) // CAPACITY_STEP) * CAPACITY_STEP


def bytes_for(layout: CacheLayout, capacity: int) -> int:
    """Return the bytes that a cache of this capacity takes."""
    return _round_up(capacity) * CacheTensors.of(layout).token_bytes
