"""With caches that count rows and hold none: what is under test is whose rows are taken."""

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.prefix_cache import PrefixCache
from coder_lsp.engine.common_prefix import MIN_COPIED_TOKENS, num_shared


class CountingCache:
    def __init__(self, capacity):
        self.capacity, self.token_ids = capacity, []

    @property
    def offset(self):
        return len(self.token_ids)

    @property
    def nbytes(self):
        return self.capacity

    def trim(self, num_tokens):
        if num_tokens:
            del self.token_ids[-num_tokens:]

    def reserve(self, capacity):
        self.capacity = max(self.capacity, capacity)

    def append(self, token_ids):
        self.token_ids += token_ids

    def fork(self, num_tokens, capacity):
        other = CountingCache(capacity)
        other.append(self.token_ids[:num_tokens])
        return other


def read(cache, sequence_id, token_ids):
    """Take, compute the rest, and return how many tokens were there already."""
    sequence = cache.take(sequence_id, token_ids, len(token_ids), CancellationToken())
    num_cached = sequence.offset
    sequence.append(token_ids[num_cached:])
    return num_cached


def check_cached(*reads, budget=10**6):
    cache = PrefixCache(CountingCache, lambda capacity: capacity, budget)
    found = [read(cache, sequence_id, token_ids) for sequence_id, token_ids, _ in reads]

    assert found == [expected for _, _, expected in reads]
    return cache


LONG = list(range(100))


def test_the_same_prompt_again_leaves_one_token():
    check_cached(("a", LONG, 0), ("a", LONG, 99))


def test_more_typed_text_keeps_everything():
    check_cached(("a", LONG, 0), ("a", [*LONG, 7], 100))


def test_backspace_trims():
    check_cached(("a", LONG, 0), ("a", LONG[:50], 49), ("a", LONG, 50))


def test_a_change_in_the_middle_keeps_what_stands_before():
    check_cached(("a", LONG, 0), ("a", [*LONG[:30], -1, *LONG[31:]], 30))


def test_a_stranger_is_forked_and_keeps_its_rows():
    check_cached(("a", LONG, 0), ("b", [*LONG[:60], -1, -2], 60), ("a", [*LONG, 5], 100))


def test_a_short_prefix_such_as_bos_is_taken_from_nobody():
    few = LONG[: MIN_COPIED_TOKENS - 1]
    check_cached(("a", LONG, 0), ("b", [*few, -1, -2], 0))


def test_a_closed_document_leaves_nothing():
    cache = check_cached(("a", LONG, 0))
    cache.forget("a")
    cache.forget("never opened")

    assert cache.stats().num_bytes == 0
    assert read(cache, "a", LONG) == 0


def test_the_least_recently_used_goes_first():
    cache = check_cached(
        ("a", [1] * 40, 0),
        ("b", [2] * 40, 0),
        ("a", [1] * 40, 39),
        ("c", [3] * 40, 0),
        budget=100,
    )

    assert read(cache, "a", [1] * 40) == 39
    assert read(cache, "b", [2] * 40) == 0


def test_a_sequence_larger_than_the_budget_is_served_all_the_same():
    check_cached(("a", LONG, 0), ("a", LONG, 99), budget=10)


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 3], 1), ([1, 2], [1, 2, 3], 2), ([2], [1], 0)],
)
def test_num_shared(first, second, length):
    assert num_shared(first, second) == num_shared(tuple(first), second) == length


@given(st.lists(st.integers(0, 2), max_size=40), st.lists(st.integers(0, 2), max_size=40))
def test_num_shared_is_the_first_difference(first, second):
    pairs = zip(first, second, strict=False)
    expected = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))

    assert num_shared(first, second) == expected


class Heap:
    """Counts the rows of all caches that are alive at once."""

    def __init__(self):
        self.alive, self.highest = {}, 0

    def create(self, capacity):
        cache = LivingCache(self, capacity)
        self.take(cache, capacity)
        return cache

    def take(self, cache, more):
        number = id(cache)
        if number not in self.alive:
            weakref.finalize(cache, self.alive.pop, number)
        self.alive[number] = self.alive.get(number, 0) + more
        self.highest = max(self.highest, sum(self.alive.values()))


class LivingCache(CountingCache):
    def __init__(self, heap, capacity):
        super().__init__(capacity)
        self.heap = heap

    def reserve(self, capacity):
        if capacity > self.capacity:
            self.heap.take(self, capacity)  # the old rows are copied from there
            self.heap.alive[id(self)] -= self.capacity
        super().reserve(capacity)

    def fork(self, num_tokens, capacity):
        other = self.heap.create(max(capacity, num_tokens))
        other.append(self.token_ids[:num_tokens])
        return other


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.integers(1, 60)), max_size=30)
)
def test_no_more_memory_is_taken_than_the_budget_before_a_cache_is_removed(reads):
    """A GPU's budget is what is free: what is removed must be gone before more is taken."""
    heap, budget = Heap(), 122  # room for two of the longest: one may have to be copied
    cache = PrefixCache(heap.create, lambda capacity: capacity, budget)
    for sequence_id, first, length in reads:
        read(cache, sequence_id, [first, *range(length)])

    assert heap.highest <= budget


def test_a_longer_prefix_on_disk_is_read_into_memory():
    class Store:
        def num_shared(self, document, token_ids):
            return num_shared(LONG, token_ids) if document == "a.py" else 0

        def read(self, document, token_ids, capacity, cancellation):
            cache = CountingCache(capacity)
            cache.append(LONG[: num_shared(LONG, token_ids)])
            return cache

    cache = PrefixCache(CountingCache, lambda capacity: capacity, 10**6, Store())
    prompt = [*LONG[:80], 7]

    assert cache.num_held(prompt) == 0
    assert cache.num_held(prompt, "a.py") == 80
    assert cache.take("s", prompt, 100, CancellationToken()).offset == 0
    assert cache.take("s", prompt, 100, CancellationToken(), "a.py").offset == 80
    assert cache.take("s", LONG, 100, CancellationToken(), "a.py").offset == 99
