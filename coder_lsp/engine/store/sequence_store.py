"""Cached sequences on disk, below the prefix cache: a file that was open before costs a read.

There is one sequence for each document and model. Whatever is wrong counts as a miss: no file,
another model, another document, damage (such a file is removed), a disk that fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.common_prefix import MIN_COPIED_TOKENS, num_shared
from coder_lsp.engine.device.runtime import runtime_version
from coder_lsp.engine.store.sequence_file import (
    SequenceKey,
    read_head,
    read_rows,
    sequence_size,
    write_sequence,
)
from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.engine.store.sequence_file import SequenceHead
    from coder_lsp.models.model_folder import Manifest


_ROWS_VERSION = 1
"""To be changed when the same model and tokens give other rows than before."""
MIN_SAVED_TOKENS = 64
"""Fewer new tokens are not written while a file is open."""


@dataclass(frozen=True, slots=True)
class DiskCacheOptions:
    """Where cached sequences are kept, and how many bytes of them."""

    path: Path
    max_bytes: int


@dataclass(frozen=True, slots=True)
class SequenceStoreStats:
    """What was read from disk since the start, and what all models have there now."""

    disk_hits: int = 0
    disk_tokens: int = 0
    disk_files: int = 0
    disk_bytes: int = 0


class SequenceStore:
    """Called from the engine's thread; only ``save_later`` writes in a thread of its own."""

    def __init__(
        self,
        options: DiskCacheOptions,
        manifest: Manifest,
        provider: str,
        create_cache: Callable[[int], KVCache],
    ) -> None:
        self._folder = SequenceFolder(options.path, options.max_bytes)
        self._layout = manifest.cache
        self._identity = _identity(manifest, provider)
        self._create_cache = create_cache
        self._writer: ThreadPoolExecutor | None = None
        self._being_written: dict[str, Future[bool]] = {}
        self._num_hits = self._num_tokens = 0

    def name(self, document: str) -> str:
        """Return the name of a document's files in the folder."""
        return self._key(document).name

    def num_shared(self, document: str, token_ids: Sequence[int]) -> int:
        """Return how many of ``token_ids`` the disk holds; the rows are not read."""
        head = self._head(document)
        return 0 if head is None else num_shared(head.token_ids, token_ids)

    def read(
        self,
        document: str,
        token_ids: Sequence[int],
        capacity: int,
        cancellation: CancellationToken,
    ) -> KVCache | None:
        """Return a cache with the longest prefix of ``token_ids`` on disk; None if cancelled."""
        self._wait_for(document)
        key = self._key(document)
        try:
            cache = self._read(key, token_ids, capacity, cancellation)
        except (Cancelled, OSError):
            return None
        if cache is not None:
            self._folder.touch(key.name)
            self._num_hits += 1
            self._num_tokens += cache.offset
        return cache

    def save(
        self, document: str, cache: KVCache, num_tokens: int, cancellation: CancellationToken
    ) -> bool:
        """Write the first tokens of a cache, if enough of them are new; return whether they were.

        If that is impossible or cancelled, the document's present sequence stays.
        """
        # A sequence is written as a whole: not again for each line that is typed.
        minimum = max(MIN_SAVED_TOKENS, num_tokens // 4)
        is_new = self._is_new(document, cache.token_ids[:num_tokens], minimum)
        return is_new and self._write(document, cache, num_tokens, cancellation)

    def save_later(self, document: str, cache: KVCache, num_tokens: int) -> bool:
        """Write without keeping the caller waiting; nothing may change the cache afterwards.

        Returns whether there was enough to write.
        """
        if not self._is_new(document, cache.token_ids[:num_tokens], MIN_COPIED_TOKENS):
            return False
        self._folder.remove(self._key(document).name)
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, "sequence-writer")
        self._being_written = {d: f for d, f in self._being_written.items() if not f.done()}
        self._being_written[document] = self._writer.submit(
            self._write, document, cache, num_tokens, CancellationToken()
        )
        return True

    def stats(self) -> SequenceStoreStats:
        """Return counters, and what is on disk."""
        usage = self._folder.usage()
        return SequenceStoreStats(
            self._num_hits, self._num_tokens, usage.num_files, usage.num_bytes
        )

    def close(self) -> None:
        """Wait until everything is written."""
        for document in tuple(self._being_written):
            self._wait_for(document)
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None

    def _is_new(self, document: str, token_ids: Sequence[int], minimum: int) -> bool:
        """Whether at least ``minimum`` tokens are not on disk.

        A sequence much shorter than the one on disk is not new: it was begun and left.
        """
        head = self._head(document)
        if head is None:
            return len(token_ids) >= minimum
        num_unsaved = len(token_ids) - num_shared(head.token_ids, token_ids)
        return num_unsaved >= minimum and len(token_ids) * 2 >= len(head.token_ids)

    def _head(self, document: str) -> SequenceHead | None:
        self._wait_for(document)
        key = self._key(document)
        file = self._folder.open(key.name)
        if file is None:
            return None
        with file, contextlib.suppress(OSError):
            return read_head(file, key, self._layout)
        return None

    def _write(
        self, document: str, cache: KVCache, num_tokens: int, cancellation: CancellationToken
    ) -> bool:
        key = self._key(document)
        try:
            return self._folder.write(
                key.name,
                sequence_size(num_tokens, self._layout),
                lambda file: write_sequence(file, key, cache, num_tokens, cancellation),
            )
        except Cancelled:
            return False

    def _read(
        self,
        key: SequenceKey,
        token_ids: Sequence[int],
        capacity: int,
        cancellation: CancellationToken,
    ) -> KVCache | None:
        file = self._folder.open(key.name)
        if file is None:
            return None
        with file:
            head = read_head(file, key, self._layout)
            if head is not None:
                num_tokens = num_shared(head.token_ids, token_ids)
                if num_tokens == 0:
                    return None
                rows = read_rows(file, head, num_tokens, self._layout, cancellation)
                if rows is not None:
                    cache = self._create_cache(max(capacity, num_tokens))
                    cache.append_rows(head.token_ids[:num_tokens], rows)
                    return cache
        self._folder.remove(key.name)  # after it was closed: Windows removes no open file
        return None

    def _wait_for(self, document: str) -> None:
        writing = self._being_written.pop(document, None)
        if writing is not None:
            wait([writing])

    def _key(self, document: str) -> SequenceKey:
        return SequenceKey(
            self._identity, hashlib.sha256(document.encode(errors="surrogatepass")).digest()
        )


def _identity(manifest: Manifest, provider: str) -> bytes:
    """Hash all that a token's rows depend on, other than the tokens before it."""
    parts = {
        "version": _ROWS_VERSION,
        "files": {name: entry.sha256 for name, entry in manifest.files.items()},
        "precision": manifest.precision,
        "cache": asdict(manifest.cache),
        "provider": provider,
        "onnxruntime": runtime_version(),
        "byteorder": sys.byteorder,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
