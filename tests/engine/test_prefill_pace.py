import pytest

from coder_lsp.engine.prefill_pace import FIRST_CHUNK, LARGEST_CHUNK, SMALLEST_CHUNK, PrefillPace


def check_chunk(num_layers, milliseconds_per_token, expected):
    pace = PrefillPace(num_layers)
    pace.record(100, 0.1 * milliseconds_per_token)

    assert pace.chunk_size == expected


@pytest.mark.parametrize(
    ("num_layers", "milliseconds_per_token", "expected"),
    [(8, 0.13, LARGEST_CHUNK), (3, 5, 48), (27, 45, 48), (1, 100, SMALLEST_CHUNK)],
)
def test_a_chunk_takes_no_longer_than_a_user_may_wait(num_layers, milliseconds_per_token, expected):
    check_chunk(num_layers, milliseconds_per_token, expected)


def test_before_anything_was_measured_the_chunk_is_small():
    pace = PrefillPace(3)
    pace.record(1, 5.0)  # one token tells more of the fixed costs

    assert pace.chunk_size == FIRST_CHUNK
    assert pace.tokens_within(1.0) is None


def test_the_pace_follows_the_machine():
    pace = PrefillPace(3)
    for _ in range(30):
        pace.record(100, 1.0)
    slow = pace.tokens_within(1.0)
    for _ in range(30):
        pace.record(100, 0.1)

    assert slow == pytest.approx(100, abs=1)
    assert pace.tokens_within(1.0) == pytest.approx(1000, abs=10)
