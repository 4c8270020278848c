"""A cached sequence as a file: its tokens, and its KV rows in blocks, each with a checksum.

Integers are little-endian. Rows are in the processor's byte order, which the identity contains.

    magic 8 | identity 32 | document 32 | num_tokens u32
    token ids i32 each | CRC-32 of each block u32 | CRC-32 of all until here u32
    block 0: [tensors, heads, 64, width] | block 1 | … | last block: [tensors, heads, rest, width]

The tokens are in order, so a shorter prefix needs fewer blocks. Files are read, not mapped: a file
that is cut off under a mapping ends the process, and Windows cannot replace a mapped file.
The checksums find damage, not malice.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from coder_lsp.engine.cache.cache_tensors import CacheTensors

if TYPE_CHECKING:
    import numpy.typing as npt

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.models.model_folder import CacheLayout

BLOCK_TOKENS = 64
_MAGIC = b"coderkv2"
_FIXED = struct.Struct("<8s32s32sI")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """What a file belongs to: sha256 of the model's identity and of the document's URI."""

    identity: bytes
    document: bytes

    @property
    def name(self) -> str:
        """The file's name, without a suffix."""
        return f"{self.identity.hex()[:16]}-{self.document.hex()[:32]}"


@dataclass(frozen=True, slots=True)
class SequenceHead:
    """All of a file but its rows."""

    token_ids: list[int]
    checksums: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes until the first block."""
        return _head_size(len(self.token_ids))


def sequence_size(num_tokens: int, layout: CacheLayout) -> int:
    """Return the bytes of a whole file."""
    return _head_size(num_tokens) + num_tokens * CacheTensors.of(layout).token_bytes


def write_sequence(
    file: BinaryIO,
    key: SequenceKey,
    cache: KVCache,
    num_tokens: int,
    cancellation: CancellationToken,
) -> None:
    """Write the first tokens of a cache. Raises ``Cancelled`` between blocks, and ``OSError``."""
    token_ids, checksums = list(cache.token_ids[:num_tokens]), []
    # Once for all blocks: on a GPU each look at the rows copies whole tensors.
    rows = cache.read(0, num_tokens)
    file.seek(_head_size(num_tokens))
    for start in range(0, num_tokens, BLOCK_TOKENS):
        cancellation.raise_if_cancelled()
        block = np.stack([tensor[:, start : start + BLOCK_TOKENS] for tensor in rows])
        checksums.append(zlib.crc32(block.data))
        file.write(block.data)
    head = b"".join(
        (
            _FIXED.pack(_MAGIC, key.identity, key.document, num_tokens),
            np.asarray(token_ids, "<i4").tobytes(),
            np.asarray(checksums, "<u4").tobytes(),
        )
    )
    file.seek(0)
    file.write(head + _CRC.pack(zlib.crc32(head)))


def read_head(file: BinaryIO, key: SequenceKey, layout: CacheLayout) -> SequenceHead | None:
    """Read all but the rows; None if the file is damaged or another's. Raises ``OSError``."""
    fixed = file.read(_FIXED.size)
    if len(fixed) != _FIXED.size:
        return None
    magic, identity, document, num_tokens = _FIXED.unpack(fixed)
    if (magic, identity, document) != (_MAGIC, key.identity, key.document):
        return None
    head_size = _head_size(num_tokens)
    # The number of tokens may be damaged: nothing is allocated before the size agrees.
    if file.seek(0, 2) != head_size + num_tokens * CacheTensors.of(layout).token_bytes:
        return None
    file.seek(_FIXED.size)
    rest = file.read(head_size - _FIXED.size)
    if len(rest) != head_size - _FIXED.size:
        return None
    content, checksum = rest[: -_CRC.size], rest[-_CRC.size :]
    if _CRC.pack(zlib.crc32(content, zlib.crc32(fixed))) != checksum:
        return None
    token_ids = np.frombuffer(content, "<i4", num_tokens)
    checksums = np.frombuffer(content, "<u4", offset=4 * num_tokens)
    return SequenceHead(token_ids.tolist(), tuple(checksums.tolist()))


def read_rows(
    file: BinaryIO,
    head: SequenceHead,
    num_tokens: int,
    layout: CacheLayout,
    cancellation: CancellationToken,
) -> npt.NDArray[Any] | None:
    """Read the rows of the first ``num_tokens`` tokens; None if they are damaged.

    Returns ``[tensors, heads, num_tokens, width]``. Raises ``Cancelled`` between blocks, and
    ``OSError``.
    """
    tensors = CacheTensors.of(layout)
    blocks = []
    file.seek(head.size)
    for index, start in enumerate(range(0, num_tokens, BLOCK_TOKENS)):
        cancellation.raise_if_cancelled()
        num_stored = min(BLOCK_TOKENS, len(head.token_ids) - start)
        block = file.read(num_stored * tensors.token_bytes)
        if zlib.crc32(block) != head.checksums[index]:
            return None
        rows = np.frombuffer(block, layout.dtype).reshape(tensors.rows_shape)
        blocks.append(rows[:, :, : num_tokens - start])
    return np.concatenate(blocks, axis=2)


def _head_size(num_tokens: int) -> int:
    num_blocks = -(-num_tokens // BLOCK_TOKENS)
    return _FIXED.size + 4 * (num_tokens + num_blocks) + _CRC.size
