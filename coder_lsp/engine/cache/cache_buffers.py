"""The memory of one KV cache, on the device that runs the graph: read and written by rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from coder_lsp.engine.device.runtime import load_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from coder_lsp.engine.cache.cache_tensors import CacheTensors

    Rows = Sequence[npt.NDArray[Any]]
    """For each tensor ``[heads, tokens, width]``."""


class CacheBuffers(Protocol):
    """One buffer for each tensor of the layout, zeros at first."""

    @property
    def values(self) -> Sequence[Any]:
        """An ``OrtValue`` for each tensor."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        ...

    def read(self, start: int, end: int) -> Rows:
        """Return rows ``start`` to ``end``; they may be views of what a run will overwrite."""
        ...

    def write(self, start: int, rows: Rows) -> None:
        """Overwrite the rows from ``start`` on."""
        ...


def allocate(tensors: CacheTensors, capacity: int, device: str) -> CacheBuffers:
    """Return buffers for ``capacity`` tokens; ``device`` as ONNX Runtime names it."""
    if device == "cpu":
        return HostBuffers(tensors, capacity)
    return DeviceBuffers(tensors, capacity, device)


class HostBuffers:
    """Arrays whose memory ONNX Runtime shares: only the rows that are written are copied."""

    def __init__(self, tensors: CacheTensors, capacity: int) -> None:
        self._arrays = tensors.zeros(capacity)
        self._views = [tensors.by_head(array) for array in self._arrays]
        ort_value = load_onnxruntime().OrtValue
        self._values = [ort_value.ortvalue_from_numpy(array) for array in self._arrays]

    @property
    def values(self) -> Sequence[Any]:
        """The arrays as ONNX Runtime sees them."""
        return self._values

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self._arrays)

    def read(self, start: int, end: int) -> Rows:
        """Return views of the rows."""
        return [view[:, start:end] for view in self._views]

    def write(self, start: int, rows: Rows) -> None:
        """Overwrite the rows in place."""
        for view, tensor in zip(self._views, rows, strict=True):
            view[:, start : start + tensor.shape[1]] = tensor


class DeviceBuffers:
    """Memory of a GPU. ONNX Runtime copies whole tensors only, so rows cost a copy of their tensor.

    A keystroke needs no rows. They are read to fork a sequence, to let it grow and to keep it on
    disk. Lite's cache of 2,048 tokens takes 64 MB in fp16.
    """

    def __init__(self, tensors: CacheTensors, capacity: int, device: str) -> None:
        self._tensors = tensors
        arrays = tensors.zeros(capacity)
        self._nbytes = sum(array.nbytes for array in arrays)
        ort_value = load_onnxruntime().OrtValue
        self._values = [ort_value.ortvalue_from_numpy(array, device, 0) for array in arrays]

    @property
    def values(self) -> Sequence[Any]:
        """The tensors on the device."""
        return self._values

    @property
    def nbytes(self) -> int:
        """Bytes of the device's memory."""
        return self._nbytes

    def read(self, start: int, end: int) -> Rows:
        """Return copies of the rows."""
        by_head = self._tensors.by_head
        return [by_head(value.numpy())[:, start:end].copy() for value in self._values]

    def write(self, start: int, rows: Rows) -> None:
        """Overwrite the rows, and send each tensor back."""
        for value, tensor in zip(self._values, rows, strict=True):
            array = value.numpy().copy()  # a device's copy may be read-only
            self._tensors.by_head(array)[:, start : start + tensor.shape[1]] = tensor
            value.update_inplace(array)
