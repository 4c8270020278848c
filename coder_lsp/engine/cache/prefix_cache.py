"""The cached sequence that a prompt continues: in memory first, then on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.engine.common_prefix import MIN_COPIED_TOKENS, num_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.engine.store.sequence_store import SequenceStore


@dataclass(frozen=True, slots=True)
class PrefixCacheStats:
    """What is in memory now."""

    num_sequences: int
    num_tokens: int
    num_bytes: int


class PrefixCache:
    """KV caches by sequence id, under one budget of bytes; the least recently used goes first.

    Only a sequence's own cache is trimmed in place. Another sequence that shares more is forked,
    so that its owner finds it unchanged. If the disk holds more than memory, it is read from there.
    """

    def __init__(
        self,
        create: Callable[[int], KVCache],
        num_bytes: Callable[[int], int],
        budget: int,
        store: SequenceStore | None = None,
    ) -> None:
        """``create`` makes a cache with a capacity, and ``num_bytes`` is how much that takes."""
        self._create = create
        self._num_bytes = num_bytes
        self._budget = budget
        self._store = store
        self._sequences: dict[str, KVCache] = {}  # in order of use, the most recent last

    def take(
        self,
        sequence_id: str,
        token_ids: Sequence[int],
        capacity: int,
        cancellation: CancellationToken,
        document: str = "",
    ) -> KVCache:
        """Return the sequence's cache, cut to what it shares with ``token_ids``.

        At least the last token is left to compute, because its logits are needed. There is room for
        ``capacity`` tokens. The cache remains the sequence's own. ``document``: see ``num_held``.
        """
        self._restore(sequence_id, token_ids, capacity, cancellation, document)
        limit = len(token_ids) - 1
        cache = self._sequences.pop(sequence_id, None)
        shared = 0 if cache is None else min(num_shared(cache.token_ids, token_ids), limit)
        donor, donated = self._nearest(token_ids, limit)
        # A cache that is removed is freed only if no name here refers to it.
        if donor is not None and donated >= shared + MIN_COPIED_TOKENS:
            cache = None
            self._make_room(capacity, keep=donor)
            cache, shared = donor.fork(donated, capacity), donated
        donor = None
        if cache is None:
            self._make_room(capacity)
            cache = self._create(capacity)
        cache.trim(cache.offset - shared)
        if capacity > cache.capacity:
            self._make_room(capacity, besides=cache.nbytes)
            cache.reserve(capacity)
        self._sequences[sequence_id] = cache
        self._make_room(0, keep=cache)
        return cache

    def num_held(self, token_ids: Sequence[int], document: str = "") -> int:
        """Return the length of the longest prefix of ``token_ids`` in memory or on disk.

        ``document`` names the sequence on disk; empty: the disk is left alone.
        """
        in_memory = self._nearest(token_ids, len(token_ids))[1]
        return max(in_memory, self._num_stored(document, token_ids, in_memory))

    def holds(self, sequence_id: str, token_ids: Sequence[int]) -> bool:
        """Whether a sequence in memory begins with all of ``token_ids``."""
        cache = self._sequences.get(sequence_id)
        return cache is not None and num_shared(cache.token_ids, token_ids) == len(token_ids)

    def get(self, sequence_id: str) -> KVCache | None:
        """Return a sequence's cache as it is; None for an unknown one."""
        return self._sequences.get(sequence_id)

    def forget(self, sequence_id: str) -> KVCache | None:
        """Remove a sequence and return its cache; None for an unknown one."""
        return self._sequences.pop(sequence_id, None)

    def clear(self) -> None:
        """Remove all sequences."""
        self._sequences.clear()

    def stats(self) -> PrefixCacheStats:
        """Return what is in memory now."""
        caches = self._sequences.values()
        return PrefixCacheStats(
            len(self._sequences), sum(c.offset for c in caches), sum(c.nbytes for c in caches)
        )

    def _nearest(self, token_ids: Sequence[int], limit: int) -> tuple[KVCache | None, int]:
        nearest, longest = None, 0
        for cache in self._sequences.values():
            shared = min(num_shared(cache.token_ids, token_ids), limit)
            if shared > longest:
                nearest, longest = cache, shared
        return nearest, longest

    def _num_stored(self, document: str, token_ids: Sequence[int], in_memory: int) -> int:
        """Return how many tokens the disk holds; 0 if reading them would save too little."""
        least = in_memory + MIN_COPIED_TOKENS
        if self._store is None or not document or least > len(token_ids):
            return 0
        stored = self._store.num_shared(document, token_ids)
        return stored if stored >= least else 0

    def _restore(
        self,
        sequence_id: str,
        token_ids: Sequence[int],
        capacity: int,
        cancellation: CancellationToken,
        document: str,
    ) -> None:
        """Replace a sequence by the one on disk, if that holds more than memory does."""
        num_stored = self._num_stored(document, token_ids, self.num_held(token_ids))
        if self._store is None or not num_stored:
            return
        self._make_room(capacity)
        cache = self._store.read(document, token_ids, capacity, cancellation)
        if cache is not None:  # neither damaged nor cancelled
            self._sequences[sequence_id] = cache

    def _make_room(self, capacity: int, keep: KVCache | None = None, besides: int = 0) -> None:
        """Remove sequences until a cache of ``capacity`` fits, before its memory is taken.

        ``keep`` stays, whatever its size. ``besides``: bytes that are in use and not among the
        sequences.
        """
        needed = besides + (self._num_bytes(capacity) if capacity else 0)
        held = sum(cache.nbytes for cache in self._sequences.values())
        for sequence_id, cache in list(self._sequences.items()):
            if held + needed <= self._budget:
                return
            if cache is not keep:
                held -= self._sequences.pop(sequence_id).nbytes
