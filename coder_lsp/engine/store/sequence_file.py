"""A cached sequence as a file: its tokens, and its KV rows in blocks, each with a checksum.

Integers are little-endian; rows are as the processor has them (the identity names its order).

    magic 8 | identity 32 | document 32 | num_tokens u32 | note_size u32
    token ids i32 each | CRC-32 of each block u32 | note | CRC-32 of all until here u32
    block 0: [tensors, heads, 64, width] | block 1 | … | last block: [tensors, heads, rest, width]

A prefix of the tokens is a prefix of the file, so that taking less reads less. Files are read, not
mapped: one cut off under a mapping would end the process, and Windows cannot replace a mapped one.
The checksums find damage, not malice: who can write the user's files needs no KV cache to do harm.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from coder_lsp.engine.cache.cache_tensors import CacheTensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.models.model_folder import CacheLayout

BLOCK_TOKENS = 64
_MAGIC = b"coderkv1"
_FIXED = struct.Struct("<8s32s32sII")
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
    """All of a file but its rows. ``note`` is the writer's own business."""

    token_ids: list[int]
    checksums: tuple[int, ...]
    note: bytes

    @property
    def size(self) -> int:
        """Bytes until the first block."""
        return _head_size(len(self.token_ids), len(self.note))


def sequence_size(num_tokens: int, note: bytes, layout: CacheLayout) -> int:
    """Return the bytes of a whole file."""
    return _head_size(num_tokens, len(note)) + num_tokens * CacheTensors.of(layout).token_bytes


def write_sequence(
    file: BinaryIO, key: SequenceKey, cache: KVCache, note: bytes, cancellation: CancellationToken
) -> None:
    """Write what a cache holds. Raises ``Cancelled`` between two blocks, and ``OSError``."""
    token_ids, checksums = list(cache.token_ids), []
    file.seek(_head_size(len(token_ids), len(note)))
    for start in range(0, len(token_ids), BLOCK_TOKENS):
        cancellation.raise_if_cancelled()
        block = cache.rows(start, min(start + BLOCK_TOKENS, len(token_ids)))
        checksums.append(zlib.crc32(block.data))
        file.write(block.data)
    head = b"".join(
        (
            _FIXED.pack(_MAGIC, key.identity, key.document, len(token_ids), len(note)),
            np.asarray(token_ids, "<i4").tobytes(),
            np.asarray(checksums, "<u4").tobytes(),
            note,
        )
    )
    file.seek(0)
    file.write(head + _CRC.pack(zlib.crc32(head)))


def read_head(file: BinaryIO, key: SequenceKey, layout: CacheLayout) -> SequenceHead | None:
    """Read all but the rows; None where the file is damaged or another's. Raises ``OSError``."""
    fixed = file.read(_FIXED.size)
    if len(fixed) != _FIXED.size:
        return None
    magic, identity, document, num_tokens, note_size = _FIXED.unpack(fixed)
    if (magic, identity, document) != (_MAGIC, key.identity, key.document):
        return None
    head_size = _head_size(num_tokens, note_size)
    # Before anything is allocated by a number that may be damaged.
    if file.seek(0, 2) != head_size + num_tokens * CacheTensors.of(layout).token_bytes:
        return None
    file.seek(_FIXED.size)
    rest = file.read(head_size - _FIXED.size)
    if len(rest) != head_size - _FIXED.size:
        return None
    content, checksum = rest[: -_CRC.size], rest[-_CRC.size :]
    if _CRC.pack(zlib.crc32(content, zlib.crc32(fixed))) != checksum:
        return None
    num_blocks = _num_blocks(num_tokens)
    token_ids = np.frombuffer(content, "<i4", num_tokens)
    checksums = np.frombuffer(content, "<u4", num_blocks, offset=4 * num_tokens)
    note = content[4 * (num_tokens + num_blocks) :]
    return SequenceHead(token_ids.tolist(), tuple(checksums.tolist()), note)


def read_rows(
    file: BinaryIO,
    head: SequenceHead,
    num_tokens: int,
    layout: CacheLayout,
    cache: KVCache,
    cancellation: CancellationToken,
) -> bool:
    """Append the first ``num_tokens`` tokens to a cache; False where their rows are damaged.

    Raises ``Cancelled`` between two blocks, and ``OSError``.
    """
    tensors = CacheTensors.of(layout)
    file.seek(head.size)
    for index, start in enumerate(range(0, num_tokens, BLOCK_TOKENS)):
        cancellation.raise_if_cancelled()
        num_stored = min(BLOCK_TOKENS, len(head.token_ids) - start)
        block = file.read(num_stored * tensors.token_bytes)
        if zlib.crc32(block) != head.checksums[index]:
            return False
        rows = np.frombuffer(block, layout.dtype).reshape(tensors.rows_shape)
        cache.append_rows(_slice(head.token_ids, start, num_tokens), rows)
    return True


def _slice(token_ids: Sequence[int], start: int, end: int) -> Sequence[int]:
    return token_ids[start : min(start + BLOCK_TOKENS, end)]


def _head_size(num_tokens: int, note_size: int) -> int:
    return _FIXED.size + 4 * (num_tokens + _num_blocks(num_tokens)) + note_size + _CRC.size


def _num_blocks(num_tokens: int) -> int:
    return -(-num_tokens // BLOCK_TOKENS)
