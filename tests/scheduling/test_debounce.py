import pytest

from coder_lsp.scheduling.debounce import LONGEST_SECONDS, Debounce


def check_delay(interval, latency, expected, pauses=()):
    debounce, now = Debounce(), 0.0
    for step in [interval] * 20 + list(pauses):
        debounce.record_request(now)
        now += step
    debounce.record_latency(latency)

    assert debounce.delay() == pytest.approx(expected)


def test_a_fast_model_is_asked_at_once():
    check_delay(interval=0.2, latency=0.05, expected=0)


def test_a_slow_model_waits_a_fast_typist_out():
    check_delay(interval=0.2, latency=1.0, expected=0.1)
    check_delay(interval=0.8, latency=2.0, expected=LONGEST_SECONDS)


def test_pauses_to_think_are_no_part_of_the_rhythm():
    check_delay(interval=0.2, latency=1.0, expected=0.1, pauses=[60.0, 30.0])


def test_nothing_is_known_at_first():
    assert Debounce().delay() == 0
