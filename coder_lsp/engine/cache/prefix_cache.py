"""Which cached sequence to go on from: the longest common prefix, under one byte budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coder_lsp.engine.cache.kv_cache import KVCache

MIN_FORKED_TOKENS = 16
"""A shorter common prefix, BOS for one, is computed again rather than copied."""


@dataclass(frozen=True, slots=True)
class PrefixCacheStats:
    """What is held now."""

    num_sequences: int
    num_tokens: int
    num_bytes: int


class PrefixCache:
    """A sequence for each document, the least recently used dropped first.

    Only a document's own sequence is trimmed in place. A stranger's sequence that shares more is
    forked: its owner finds it untouched.
    """

    def __init__(self, create: Callable[[int], KVCache], budget: int) -> None:
        self._create = create
        self._budget = budget
        self._sequences: dict[str, KVCache] = {}  # in order of use, the most recent last

    def take(self, sequence_id: str, token_ids: Sequence[int], capacity: int) -> KVCache:
        """Return the sequence's cache, cut to what it shares with ``token_ids``.

        At least the last token is left to compute, since its logits are wanted. There is room for
        ``capacity`` tokens. The cache stays the sequence's own: what is appended is found again.
        """
        limit = len(token_ids) - 1
        cache = self._sequences.pop(sequence_id, None)
        shared = 0 if cache is None else min(num_shared(cache.token_ids, token_ids), limit)
        donor, donated = self._nearest(token_ids, limit)
        if donor is not None and donated >= shared + MIN_FORKED_TOKENS:
            cache, shared = donor.fork(donated, capacity), donated
        elif cache is None:
            cache = self._create(capacity)
        cache.trim(cache.offset - shared)
        cache.reserve(capacity)
        self._sequences[sequence_id] = cache
        self._evict(keep=sequence_id)
        return cache

    def holds(self, sequence_id: str, token_ids: Sequence[int]) -> bool:
        """Whether a sequence begins with all of ``token_ids``."""
        cache = self._sequences.get(sequence_id)
        return cache is not None and num_shared(cache.token_ids, token_ids) == len(token_ids)

    def most_shared(self, token_ids: Sequence[int]) -> int:
        """Return the longest prefix of ``token_ids`` that any sequence holds, in tokens."""
        return self._nearest(token_ids, len(token_ids))[1]

    def put(self, sequence_id: str, cache: KVCache) -> None:
        """Make a cache the sequence's own, in place of what it had."""
        self._sequences.pop(sequence_id, None)
        self._sequences[sequence_id] = cache

    def recent(self, sequence_ids: Sequence[str]) -> str | None:
        """Return which of these was used last, one that is hardly filled passed over."""
        offsets = {name: c.offset for name, c in self._sequences.items() if name in sequence_ids}
        longest = max(offsets.values(), default=0)
        return next((n for n in reversed(offsets) if offsets[n] * 2 >= longest > 0), None)

    def get(self, sequence_id: str) -> KVCache | None:
        """Return a sequence's cache as it is; None for an unknown one."""
        return self._sequences.get(sequence_id)

    def forget(self, sequence_id: str) -> None:
        """Free a sequence; an unknown one does no harm."""
        self._sequences.pop(sequence_id, None)

    def stats(self) -> PrefixCacheStats:
        """Return what is held now."""
        caches = self._sequences.values()
        return PrefixCacheStats(
            len(self._sequences), sum(c.offset for c in caches), sum(c.nbytes for c in caches)
        )

    def _nearest(self, token_ids: Sequence[int], limit: int) -> tuple[KVCache | None, int]:
        nearest, most = None, 0
        for cache in self._sequences.values():
            shared = min(num_shared(cache.token_ids, token_ids), limit)
            if shared > most:
                nearest, most = cache, shared
        return nearest, most

    def _evict(self, keep: str) -> None:
        """Drop sequences until the budget holds; the one in use stays, whatever its size."""
        held = sum(cache.nbytes for cache in self._sequences.values())
        for sequence_id in list(self._sequences):
            if held <= self._budget:
                return
            if sequence_id != keep:
                held -= self._sequences.pop(sequence_id).nbytes


def num_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the longest common prefix."""
    shortest = min(len(first), len(second))
    # Halving over slices compares in C; a loop over tokens would cost more than a decode step.
    low, high = 0, shortest
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
