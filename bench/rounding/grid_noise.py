"""A GGUF model with noise of half a step of its own grid, as a source of exports.

Weights that were rounded before lie on a grid. A recipe that finds this grid again seems to lose
nothing, which says nothing of the original weights. The noise takes the grid away: each weight
moves by up to half a step of its block, to a place where the original weight may have been.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from onnx_export.config import Precision
from onnx_export.errors import CheckpointError
from onnx_export.gguf_file.files import StoredTensor
from onnx_export.gguf_file.source import GgufSource
from onnx_export.gguf_file.weights import GgufWeights
from onnx_export.model_types import KnownConfig
from onnx_export.origin import Origin
from onnx_export.tokenizer_file import TokenizerFile
from onnx_export.weights import Weight, Weights


@dataclass(frozen=True, slots=True)
class _Integers:
    """Where a block's low bits are, and the byte by which each integer is one."""

    offset: int
    size: int
    one: int


_KIND = GGMLQuantizationType
# In each type the rest of a block, such as its scales, keeps its meaning when these bytes change.
_INTEGERS: MappingProxyType[GGMLQuantizationType, _Integers] = MappingProxyType(
    {
        _KIND.Q4_0: _Integers(2, 16, 0x11),
        _KIND.Q4_1: _Integers(4, 16, 0x11),
        _KIND.Q5_0: _Integers(6, 16, 0x11),
        _KIND.Q5_1: _Integers(8, 16, 0x11),
        _KIND.Q8_0: _Integers(2, 32, 0x01),
        _KIND.Q4_K: _Integers(16, 128, 0x11),
        _KIND.Q5_K: _Integers(48, 128, 0x11),
        _KIND.Q6_K: _Integers(0, 128, 0x11),
    }
)
_FLOATS = {_KIND.F32, _KIND.F16, _KIND.BF16}


@dataclass(frozen=True, slots=True)
class NoisySource:
    """A GGUF source whose weights are moved within their grid, the same for the same seed."""

    source: GgufSource
    seed: int

    @classmethod
    def open(cls, path: Path, seed: int) -> "NoisySource":
        """Read the headers. Raises ``CheckpointError`` if a tensor's grid is unknown."""
        source = GgufSource.open(path)
        kinds = {tensor.info.kind for tensor in source.files.tensors.values()}
        unknown = kinds - _FLOATS - _INTEGERS.keys()
        if unknown or kinds <= _FLOATS:
            names = ", ".join(sorted(kind.name for kind in unknown or kinds))
            raise CheckpointError(
                f"{path} has tensors of the type {names}, whose grid is unknown here. Name a GGUF "
                f"file of the types {', '.join(kind.name for kind in _INTEGERS)}."
            )
        return cls(source, seed)

    def read_config(self) -> KnownConfig:
        """Return the model's configuration."""
        return self.source.read_config()

    def read_tokenizer(self) -> TokenizerFile:
        """Return the tokenizer."""
        return self.source.read_tokenizer()

    @contextmanager
    def open_weights(self) -> Iterator[Weights]:
        """Yield the moved weights."""
        weights, zeros, ones = (self._weights(integer) for integer in (None, 0, 1))
        yield _NoisyWeights(weights, zeros, ones, self.seed)

    @property
    def origin(self) -> Origin:
        """What the file says of itself."""
        return self.source.origin

    @property
    def default_precision(self) -> Precision:
        """The precision that is best for the file without noise."""
        return self.source.default_precision

    @property
    def format(self) -> str:
        """What the source is, in a word."""
        return "gguf with noise"

    @property
    def size(self) -> int | None:
        """Bytes of the files."""
        return self.source.size

    @property
    def weight_types(self) -> dict[str, int]:
        """How many weights are stored in which type."""
        return self.source.weight_types

    def _weights(self, integer: int | None) -> GgufWeights:
        """Return the weights; with ``integer`` as if all integers of the file were this one."""
        files = GgufSource.open(self.source.files.path).files
        if integer is not None:
            files.tensors = {
                name: _Constant(tensor.file, tensor.info, integer)
                for name, tensor in files.tensors.items()
            }
        return GgufWeights(files, self.read_config())


@dataclass(frozen=True, slots=True)
class _Constant(StoredTensor):
    """A tensor whose integers are all ``integer``, 0 or 1, and whose scales are as stored."""

    integer: int = 0

    def rows(self, start: int, end: int) -> NDArray[np.uint8]:
        stored = StoredTensor.rows(self, start, end)
        integers = _INTEGERS.get(self.info.kind)
        if integers is None:
            return stored
        _, block_bytes = GGML_QUANT_SIZES[self.info.kind]
        blocks = stored.reshape(end - start, -1, block_bytes).copy()
        last = integers.offset + integers.size
        blocks[..., integers.offset : last] = self.integer * integers.one
        return blocks.reshape(stored.shape)


@dataclass(frozen=True, slots=True)
class _NoisyWeights:
    """``weights`` moved by up to half of what is between ``zeros`` and ``ones``."""

    weights: GgufWeights
    zeros: GgufWeights
    ones: GgufWeights
    seed: int

    @property
    def identity(self) -> str:
        """The file's, and the seed."""
        return f"{self.weights.identity} with noise of seed {self.seed}"

    def __contains__(self, name: str) -> bool:
        return name in self.weights

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        weight, zeros, ones = (w.find(name, shape) for w in (self.weights, self.zeros, self.ones))
        if len(shape) == 1:
            return weight

        def rows(start: int, end: int) -> NDArray[np.float32]:
            steps = ones.rows(start, end) - zeros.rows(start, end)
            for row in range(start, end):
                generator = np.random.default_rng((self.seed, zlib.crc32(name.encode()), row))
                steps[row - start] *= generator.random(shape[-1], np.float32) - np.float32(0.5)
            return weight.rows(start, end) + steps

        return replace(weight, rows=rows, blocks=None)

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Refuse: a GGUF has no fused experts under a name of Hugging Face's."""
        return self.weights.find_slice(name, shape, index)
