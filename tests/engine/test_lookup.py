import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.engine.decoding.lookup import (
    MAX_CANDIDATES,
    MAX_MATCH,
    SEPARATOR,
    CompletionMemory,
    NgramIndex,
)

END = 9


def index_of(token_ids):
    index = NgramIndex()
    index.append(token_ids)
    return index


def check_following(token_ids, expected, num_tokens=4, tail=None, end_ids=(END,)):
    """What stood after the longest match with ``tail``, the tokens' own end unless given."""
    match = index_of(token_ids).find(token_ids if tail is None else tail)

    assert (None if match is None else match.following(num_tokens, end_ids)) == expected


@pytest.mark.parametrize(
    "token_ids", [[], [1], [1, 2], [1, 2, 3, 4, 1], [1, 2, 1, 3, 2], [1, 2, SEPARATOR, 3, 1]]
)
def test_no_two_tokens_stood_there_before(token_ids):
    check_following(token_ids, None)


def test_what_followed_is_found():
    check_following([1, 2, 3, 4, 5, 6, 1, 2], [3, 4, 5, 6])


def test_the_longest_match_wins():
    check_following([7, 1, 2, 5, 5, 8, 1, 2, 6, 6, 7, 1, 2], [5, 5, 8, 1])


def test_of_two_as_long_the_latest_wins():
    check_following([7, 1, 2, 5, 8, 1, 2, 6, 7, 8, 4, 1, 2], [6, 7, 8, 4])


def test_a_match_that_overlaps_the_end_goes_on_with_its_period():
    check_following([1, 2, 3, 1, 2, 3, 1, 2], [3, 1, 2, 3, 1, 2, 3], num_tokens=7)
    check_following([4, 4, 4], [4, 4, 4], num_tokens=3)


def test_what_follows_ends_before_a_token_that_is_never_generated():
    check_following([1, 2, 3, END, 4, 1, 2], [3])
    check_following([1, 2, END, 3, 4, 1, 2], [])


def test_what_follows_ends_where_the_text_does():
    check_following([1, 2, 3, SEPARATOR, 4, 1, 2], [3])


def test_a_match_may_be_with_another_text():
    check_following([1, 2, 3, 4], [3, 4], tail=[8, 1, 2], num_tokens=2)


def test_a_match_at_the_very_end_is_followed_by_nothing():
    check_following([3, 1, 2], None, tail=[8, 1, 2])


def test_an_earlier_place_beyond_the_candidates_is_not_looked_at():
    far, near = [5, 6, 1, 2, 7], [1, 2, 8] * (MAX_CANDIDATES + 1)

    check_following([*far, *near, 5, 6, 1, 2], [8], num_tokens=1)


def test_a_longer_match_than_the_longest_says_no_more():
    start = list(range(100, 100 + MAX_MATCH))
    match = index_of([1, *start, 2, 3, *start, 4, 1]).find([1, *start])

    assert (match.num_matching, match.following(1, ())) == (MAX_MATCH, [4])


TOKENS = st.lists(st.integers(0, 3), max_size=30)


@given(TOKENS, TOKENS, TOKENS)
def test_trimmed_is_as_if_it_had_never_been_there(kept, dropped, added):
    index = index_of([*kept, *dropped])
    index.trim(len(dropped))
    index.append(added)
    expected = index_of([*kept, *added])

    assert index.token_ids == expected.token_ids
    assert (index._latest, index._earlier) == (expected._latest, expected._earlier)


@given(TOKENS, st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_a_match_is_one(token_ids, tail):
    match = index_of(token_ids).find(tail)

    if match is not None:
        end = match.position + 1
        assert token_ids[end - match.num_matching : end] == tail[-match.num_matching :]
        assert match.following(3, ())[0] == token_ids[end]


def check_remembered(memory, tail, expected):
    match = memory.find(tail)

    assert (None if match is None else match.following(2, ())) == expected


def test_completions_are_found_and_do_not_run_into_one_another():
    memory = CompletionMemory()
    memory.add([1, 2, 3])
    memory.add([1, 2, 4])

    check_remembered(memory, [1, 2], [4])
    check_remembered(memory, [2, 3], [])
    check_remembered(memory, [4, 1], None)


def test_the_longest_match_wins_over_the_latest_completion():
    memory = CompletionMemory()
    memory.add([7, 1, 2, 3])
    memory.add([8, 1, 2, 4])

    check_remembered(memory, [7, 1, 2], [3])


def test_the_oldest_completions_are_dropped_and_the_latest_stay():
    memory = CompletionMemory(capacity=40)
    for first in range(100):
        memory.add([first, first + 1000, first + 2000])

        assert len(memory) <= 40
    check_remembered(memory, [0, 1000], None)
    check_remembered(memory, [98, 1098], [2098])
    check_remembered(memory, [99, 1099], [2099])


def test_a_completion_longer_than_the_memory_is_cut():
    memory = CompletionMemory(capacity=10)
    memory.add(list(range(100)))

    assert len(memory) <= 10
    check_remembered(memory, [0, 1], [2, 3])
