"""The header of a GGUF file: its metadata and the list of its tensors.

The file comes from outside, so no number in it is trusted: every count and length is compared with
what the file can hold before anything is read or allocated.
"""

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType

from onnx_export.errors import CheckpointError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_MAX_DIMENSIONS = 4
# Headers of models are about 6 MB, and most of that is the vocabulary.
_MAX_HEADER_BYTES = 1 << 28
_MIN_FIELD_BYTES = 8 + 1 + 4 + 1
_MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8
_MIN_STRING_BYTES = 8

_SCALARS: MappingProxyType[GGUFValueType, np.dtype[Any]] = MappingProxyType(
    {
        GGUFValueType.UINT8: np.dtype("<u1"),
        GGUFValueType.INT8: np.dtype("<i1"),
        GGUFValueType.UINT16: np.dtype("<u2"),
        GGUFValueType.INT16: np.dtype("<i2"),
        GGUFValueType.UINT32: np.dtype("<u4"),
        GGUFValueType.INT32: np.dtype("<i4"),
        GGUFValueType.FLOAT32: np.dtype("<f4"),
        GGUFValueType.UINT64: np.dtype("<u8"),
        GGUFValueType.INT64: np.dtype("<i8"),
        GGUFValueType.FLOAT64: np.dtype("<f8"),
        GGUFValueType.BOOL: np.dtype("?"),
    }
)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor of a file: ``offset`` is its first byte's place in the file.

    ``shape`` is in the order of numpy: the last number is the length of a row.
    """

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    offset: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        block, block_bytes = GGML_QUANT_SIZES[self.kind]
        return int(self.shape[-1] // block * block_bytes)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole tensor."""
        return math.prod(self.shape[:-1]) * self.row_bytes


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of one file; ``size`` is that of the whole file."""

    path: Path
    size: int
    metadata: Mapping[str, Any]
    tensors: tuple[TensorInfo, ...]


def read_header(path: Path) -> GgufHeader:
    """Read the header of a file. Raises ``CheckpointError``."""
    try:
        with path.open("rb") as file:
            return _Reader(path, file).header()
    except OSError as exc:
        raise CheckpointError(f"{path} cannot be read: {exc}. Check the file.") from exc


class _Reader:
    """Reads one file from its beginning; refuses to read more than the file can hold."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._limit = min(self._size, _MAX_HEADER_BYTES)
        self._position = 0

    def header(self) -> GgufHeader:
        if self._size < len(_MAGIC) or self._take(len(_MAGIC), "its first bytes") != _MAGIC:
            raise CheckpointError(
                f"{self._path} is no GGUF file: it does not begin with {_MAGIC.decode()}. Name a "
                "GGUF file or a Hugging Face folder."
            )
        self._check_version()
        num_tensors = self._integer("<Q", "the number of tensors")
        num_fields = self._integer("<Q", "the number of metadata fields")
        self._require(num_fields * _MIN_FIELD_BYTES, f"{num_fields} metadata fields")
        metadata = dict[str, Any]()
        for _ in range(num_fields):
            name = self._string("the name of a metadata field")
            if name in metadata:
                raise self._damaged(f"the metadata field {name} occurs twice")
            metadata[name] = self._value(name)
        self._require(num_tensors * _MIN_TENSOR_BYTES, f"{num_tensors} tensors")
        tensors = [self._tensor() for _ in range(num_tensors)]
        return self._checked(metadata, tensors)

    def _check_version(self) -> None:
        version = self._integer("<I", "the version")
        if version in _VERSIONS:
            return
        if version & 0xFFFF == 0:
            raise CheckpointError(
                f"{self._path} is a GGUF file for big-endian machines. Download the usual, "
                "little-endian one."
            )
        raise CheckpointError(
            f"{self._path} is a GGUF file of version {version}; versions 2 and 3 are read. "
            "Convert the model again with a newer llama.cpp."
        )

    def _tensor(self) -> TensorInfo:
        name = self._string("the name of a tensor")
        num_dimensions = self._integer("<I", f"the dimensions of {name}")
        if not 1 <= num_dimensions <= _MAX_DIMENSIONS:
            raise self._damaged(f"the tensor {name} has {num_dimensions} dimensions")
        shape = tuple(self._integer("<Q", f"the shape of {name}") for _ in range(num_dimensions))
        kind = self._kind(name, self._integer("<I", f"the type of {name}"))
        offset = self._integer("<Q", f"the place of {name}")
        if 0 in shape or shape[0] % GGML_QUANT_SIZES[kind][0]:
            raise self._damaged(
                f"the tensor {name} has the shape {shape}, impossible as {kind.name}"
            )
        return TensorInfo(name, shape[::-1], kind, offset)

    def _kind(self, name: str, number: int) -> GGMLQuantizationType:
        try:
            return GGMLQuantizationType(number)
        except ValueError as exc:
            raise CheckpointError(
                f"{self._path}: the tensor {name} has the type {number}, which is not supported. "
                "Take a file of another quantization, such as Q8_0, Q4_0 or Q4_K_M."
            ) from exc

    def _checked(self, metadata: dict[str, Any], tensors: list[TensorInfo]) -> GgufHeader:
        """Return the header with each tensor's place in the file, which must be inside it."""
        alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self._damaged(f"general.alignment is {alignment!r}, no power of two")
        start = -(-self._position // alignment) * alignment
        placed = dict[str, TensorInfo]()
        for tensor in tensors:
            if tensor.name in placed:
                raise self._damaged(f"the tensor {tensor.name} occurs twice")
            found = TensorInfo(tensor.name, tensor.shape, tensor.kind, start + tensor.offset)
            if found.offset + found.nbytes > self._size:
                raise CheckpointError(
                    f"{self._path} is cut off: the tensor {tensor.name} ends at byte "
                    f"{found.offset + found.nbytes}, and the file has {self._size}. Download it "
                    "again."
                )
            placed[tensor.name] = found
        return GgufHeader(self._path, self._size, metadata, tuple(placed.values()))

    def _value(self, name: str) -> Any:
        kind = self._value_type(name)
        if kind is GGUFValueType.STRING:
            return self._string(name)
        if kind is GGUFValueType.ARRAY:
            return self._array(name)
        return self._numbers(kind, 1, name)[0]

    def _array(self, name: str) -> list[Any]:
        kind = self._value_type(name)
        count = self._integer("<Q", f"the length of {name}")
        if kind is GGUFValueType.STRING:
            self._require(count * _MIN_STRING_BYTES, f"{count} texts in {name}")
            return [self._string(name) for _ in range(count)]
        if kind is GGUFValueType.ARRAY:
            raise self._damaged(f"the metadata field {name} is an array of arrays")
        return self._numbers(kind, count, name)

    def _value_type(self, name: str) -> GGUFValueType:
        number = self._integer("<I", f"the type of {name}")
        try:
            return GGUFValueType(number)
        except ValueError as exc:
            raise self._damaged(f"the metadata field {name} has the type {number}") from exc

    def _numbers(self, kind: GGUFValueType, count: int, name: str) -> list[Any]:
        dtype = _SCALARS[kind]
        self._require(count * dtype.itemsize, f"{count} values of {name}")
        values: list[Any] = np.frombuffer(self._take(count * dtype.itemsize, name), dtype).tolist()
        return values

    def _string(self, name: str) -> str:
        length = self._integer("<Q", f"the length of {name}")
        self._require(length, f"a text of {length} bytes for {name}")
        data = self._take(length, name)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise self._damaged(f"{name} holds a text that is no UTF-8") from exc

    def _integer(self, form: str, name: str) -> int:
        value: int = struct.unpack(form, self._take(struct.calcsize(form), name))[0]
        return value

    def _take(self, num_bytes: int, name: str) -> bytes:
        self._require(num_bytes, name)
        data = self._file.read(num_bytes)
        if len(data) != num_bytes:
            raise CheckpointError(f"{self._path} became shorter while it was read. Try again.")
        self._position += num_bytes
        return data

    def _require(self, num_bytes: int, name: str) -> None:
        """Raise ``CheckpointError`` unless the header may hold so many bytes more."""
        if num_bytes <= self._limit - self._position:
            return
        if self._limit < self._size:
            raise self._damaged(
                f"its header promises {name} and would exceed {_MAX_HEADER_BYTES >> 20} MiB"
            )
        raise CheckpointError(
            f"{self._path} is cut off or damaged: its header promises {name}, and only "
            f"{self._limit - self._position} bytes are left. Download it again."
        )

    def _damaged(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._path} is damaged: {what}. Download it again.")
