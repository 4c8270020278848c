"""Cached sequences on disk: reopening a file or restarting the server costs a read, not a prefill.

One sequence for each document and model. A miss is the answer to everything that may be wrong: no
file, another model, another document, damage (then the file is removed), a disk that fails.
"""

from __future__ import annotations

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.prefix_cache import num_shared
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


@dataclass(frozen=True, slots=True)
class DiskCacheOptions:
    """Where cached sequences are kept, and how many bytes of them."""

    path: Path
    max_bytes: int


@dataclass(frozen=True, slots=True)
class SequenceStoreStats:
    """What was taken from disk since the start, and what lies there now, all models together."""

    disk_hits: int = 0
    disk_tokens: int = 0
    disk_files: int = 0
    disk_bytes: int = 0


class SequenceStore:
    """Called from the engine's thread; only ``save_later`` has a thread of its own."""

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

    def restore(
        self, document: str, token_ids: Sequence[int], least: int, cancellation: CancellationToken
    ) -> KVCache | None:
        """Return a cache with the longest prefix of ``token_ids`` that lies on disk.

        None where that is shorter than ``least`` tokens, and when cancelled.
        """
        self._wait_for(document)
        key = self._key(document)
        try:
            cache = self._read(key, token_ids, least, cancellation)
        except (Cancelled, OSError):
            return None
        if cache is not None:
            self._folder.touch(key.name)
            self._num_hits += 1
            self._num_tokens += cache.offset
        return cache

    def head(self, document: str) -> SequenceHead | None:
        """Return the tokens and the note of what lies on disk; its rows are not looked at."""
        self._wait_for(document)
        key = self._key(document)
        file = self._folder.open(key.name)
        if file is None:
            return None
        try:
            with file:
                return read_head(file, key, self._layout)
        except OSError:
            return None

    def is_news(self, document: str, cache: KVCache, least: int) -> bool:
        """Whether ``least`` tokens of a cache do not lie on disk.

        One much shorter than what lies there is none: it was begun and left, or has a small window.
        """
        head = self.head(document)
        if head is None:
            return cache.offset >= least
        num_unsaved = cache.offset - num_shared(head.token_ids, cache.token_ids)
        return num_unsaved >= least and cache.offset * 2 >= len(head.token_ids)

    def save(
        self, document: str, cache: KVCache, note: bytes, cancellation: CancellationToken
    ) -> bool:
        """Write a sequence in place of the document's present one.

        False where that was impossible, or cancelled: then the present one stays.
        """
        key = self._key(document)
        size = sequence_size(cache.offset, note, self._layout)
        try:
            return self._folder.write(
                key.name, size, lambda file: write_sequence(file, key, cache, note, cancellation)
            )
        except Cancelled:
            return False

    def save_later(self, document: str, cache: KVCache, note: bytes) -> None:
        """Write a sequence without keeping the caller waiting; nobody may change it any more."""
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, "sequence-writer")
        self._being_written = {d: f for d, f in self._being_written.items() if not f.done()}
        self._being_written[document] = self._writer.submit(
            self.save, document, cache, note, CancellationToken()
        )

    def stats(self) -> SequenceStoreStats:
        """Return counters, and what lies on disk."""
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

    def _read(
        self,
        key: SequenceKey,
        token_ids: Sequence[int],
        least: int,
        cancellation: CancellationToken,
    ) -> KVCache | None:
        file = self._folder.open(key.name)
        if file is None:
            return None
        with file:
            head = read_head(file, key, self._layout)
            if head is not None:
                num_tokens = num_shared(head.token_ids, token_ids)
                if num_tokens < least:
                    return None
                cache = self._create_cache(len(token_ids))
                if read_rows(file, head, num_tokens, self._layout, cache, cancellation):
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
    """Hash all that the rows of a token depend on, besides the tokens before it."""
    parts = {
        "files": {name: entry.sha256 for name, entry in manifest.files.items()},
        "precision": manifest.precision,
        "cache": asdict(manifest.cache),
        "provider": provider,
        "onnxruntime": runtime_version(),
        "byteorder": sys.byteorder,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
