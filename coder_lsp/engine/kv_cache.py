"""The KV cache of one sequence: what the model remembers of the tokens it has read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from coder_lsp.engine.cache_tensors import CacheTensors
from coder_lsp.engine.runtime import load_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from coder_lsp.model_folder import CacheLayout

CAPACITY_STEP = 256


class KVCache:
    """A buffer for each tensor of the layout; the first ``offset`` rows of it are valid.

    Each buffer is bound as past and as present, so a run writes its rows in place. Dropping rows
    is arithmetic: whatever lies beyond ``offset`` is never read and will be overwritten.
    """

    def __init__(self, session: Any, layout: CacheLayout, capacity: int) -> None:
        self._session = session
        self._layout = layout
        self._tensors = CacheTensors.of(layout)
        self._token_ids: list[int] = []
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
    def nbytes(self) -> int:
        """Bytes of memory taken, valid rows or not."""
        return sum(buffer.nbytes for buffer in self._buffers)

    @property
    def binding(self) -> Any:
        """The ``IOBinding`` with past and present of all layers bound."""
        return self._binding

    def append(self, token_ids: Sequence[int]) -> None:
        """Take over the rows that a run has just written from ``offset`` on."""
        self._token_ids.extend(token_ids)

    def rows(self, start: int, end: int) -> npt.NDArray[Any]:
        """Return a copy of rows ``start`` to ``end``: ``[tensors, heads, end - start, width]``."""
        return np.stack([view[:, start:end] for view in self._views])

    def append_rows(self, token_ids: Sequence[int], rows: npt.NDArray[Any]) -> None:
        """Append tokens that were computed before.

        ``rows`` is ``[tensors, heads, at least as many, width]``, what ``rows`` returned for them.
        """
        offset, end = self.offset, self.offset + len(token_ids)
        self.reserve(end)
        for view, tensor in zip(self._views, rows, strict=True):
            view[:, offset:end] = tensor[:, : len(token_ids)]
        self.append(token_ids)

    def trim(self, num_tokens: int) -> None:
        """Drop the last ``num_tokens`` tokens."""
        if num_tokens > 0:
            del self._token_ids[-num_tokens:]

    def fork(self, num_tokens: int, capacity: int) -> KVCache:
        """Return a cache of its own with a copy of the first ``num_tokens`` rows."""
        other = KVCache(self._session, self._layout, max(capacity, num_tokens))
        for source, target in zip(self._views, other._views, strict=True):
            target[:, :num_tokens] = source[:, :num_tokens]
        other.append(self._token_ids[:num_tokens])
        return other

    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` tokens; the rows held stay."""
        if capacity <= self._capacity:
            return
        old, offset = self._views, self.offset
        self._allocate(_round_up(capacity))
        for source, target in zip(old, self._views, strict=True):
            target[:, :offset] = source[:, :offset]

    def _allocate(self, capacity: int) -> None:
        ort_value = load_onnxruntime().OrtValue
        self._buffers = self._tensors.zeros(capacity)
        self._views = [self._tensors.by_head(buffer) for buffer in self._buffers]
        self._capacity = capacity
        self._binding = self._session.io_binding()
        # On the CPU an OrtValue shares the array's memory; the binding does not keep it alive.
        self._values = [ort_value.ortvalue_from_numpy(buffer) for buffer in self._buffers]
        for name, value in zip(self._tensors.names, self._values, strict=True):
            self._binding.bind_ortvalue_input(f"past.{name}", value)
            self._binding.bind_ortvalue_output(f"present.{name}", value)


def _round_up(capacity: int) -> int:
    return -(-max(capacity, 1) // CAPACITY_STEP) * CAPACITY_STEP


def bytes_for(layout: CacheLayout, capacity: int) -> int:
    """Return the bytes that a cache of this capacity takes."""
    return _round_up(capacity) * CacheTensors.of(layout).token_bytes
