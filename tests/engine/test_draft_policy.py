"""With running times given: none is measured here."""

import pytest

from coder_lsp.engine.decoding.draft_policy import (
    DRAFT_LENGTHS,
    MAX_PASS_SECONDS,
    DraftPolicy,
    PassCosts,
)


def policy_with(costs, outcomes=(), source="text", longest=4, seconds=0.01):
    """``costs``: relative running time by width; ``outcomes``: 1 for a token accepted."""
    policy = DraftPolicy()
    for _ in range(5):
        for width, cost in ({1: 1.0} | costs).items():
            policy.record_pass(width, cost * seconds)
    for _ in range(400):
        policy.record_wanted("inside", is_wanted=True)
    for num_matching in range(4, longest + 1):
        for outcome in outcomes:
            policy.record_outcome(source, num_matching, is_accepted=bool(outcome))
    return policy


def check_length(expected, costs, outcomes=(), max_length=15, **match):
    policy = policy_with(costs, outcomes, **match)

    assert policy.choose_length("text", 4, ["inside"] * max_length) == expected


INSIDE = ["inside"] * 15
FREE = dict.fromkeys(range(2, 17), 1.0)
LINEAR = {width: float(width) for width in range(2, 17)}
ALWAYS = [1] * 200
NEVER = [0] * 200


def test_at_first_a_draft_is_tried():
    assert policy_with({}).choose_length("text", 2, INSIDE) > 0


def test_nothing_is_tried_before_a_token_was_timed():
    assert DraftPolicy().choose_length("text", 2, INSIDE) == 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(MAX_PASS_SECONDS / 4, 15), (MAX_PASS_SECONDS / 3, 5), (MAX_PASS_SECONDS * 2, 1)],
)
def test_no_pass_takes_longer_than_a_token_may_be_waited_for(seconds, expected):
    costs = {2: 1.5, 3: 2.1, 4: 2.4, 6: 2.9, 8: 3.1, 12: 3.5, 16: 4.0}
    policy = policy_with(costs, ALWAYS, longest=20, seconds=seconds)

    assert policy.choose_length("text", 4, INSIDE) == expected


def test_a_wide_pass_that_costs_nothing_is_taken_whole():
    check_length(15, FREE, ALWAYS, longest=20)


def test_a_pass_that_costs_as_much_as_its_tokens_is_not_worth_it():
    check_length(0, LINEAR, ALWAYS)


def test_drafts_that_are_never_accepted_are_not_worth_it():
    check_length(0, {2: 1.2, 16: 1.9}, NEVER)


def test_half_of_the_drafts_accepted_is_worth_a_short_one():
    check_length(1, {2: 1.2, 3: 1.6, 4: 2.0, 6: 2.8, 8: 3.6, 12: 5.2, 16: 7.0}, [0, 1] * 100)


def test_acceptance_is_kept_for_each_source_and_each_length_of_match():
    costs = {2: 1.4, 16: 4.0}

    check_length(0, costs, NEVER)
    assert policy_with(costs, NEVER, source="memory").choose_length("text", 4, INSIDE) > 0
    assert policy_with(costs, NEVER).choose_length("text", 16, INSIDE) > 0


def test_a_long_draft_is_as_likely_as_each_of_its_tokens():
    check_length(3, FREE, [0, 1] * 100, longest=20)


def test_what_was_long_ago_is_forgotten():
    costs = {2: 1.3, 16: 4.0}

    assert policy_with(costs, [*NEVER, *ALWAYS]).choose_length("text", 4, INSIDE) > 0


@pytest.mark.parametrize("max_length", [0, 1, 2, 4, 6])
def test_no_longer_than_allowed(max_length):
    longest = max((n for n in DRAFT_LENGTHS if n <= max_length), default=0)

    check_length(longest, FREE, ALWAYS, max_length=max_length, longest=20)


@pytest.mark.parametrize(("place", "expected"), [("line end", 2), ("inside", 15)])
def test_a_draft_ends_where_the_consumer_mostly_stops(place, expected):
    policy = policy_with(FREE, ALWAYS, longest=20)
    for _ in range(400):
        policy.record_wanted("line end", is_wanted=False)

    assert policy.choose_length("text", 4, [*INSIDE[:2], place, *INSIDE[3:]]) == expected


def test_a_running_time_taken_on_a_busy_machine_is_forgotten_in_the_end():
    policy = policy_with(dict.fromkeys((2, 3, 4, 6, 8, 12, 16), 100.0), ALWAYS)
    tries = [policy.choose_length("text", 4, INSIDE) for _ in range(400)]

    assert tries[0] == 0
    assert any(tries)


@pytest.mark.parametrize(
    ("measured", "width", "expected"),
    [
        ({}, 1, 1.0),
        ({}, 8, 1.0),
        ({4: [2.5]}, 4, 2.5),
        ({4: [2.5]}, 2, 1.5),
        ({4: [2.5]}, 8, 4.5),
        ({2: [1.5], 8: [3.0]}, 5, 2.25),
        ({4: [9.0, 2.0]}, 4, 2.0),
        ({4: [9.0, 2.0, 3.0]}, 4, 3.0),
        ({4: [9.0, 9.0, 9.0, 2.0, 2.0, 2.0]}, 4, 2.0),
    ],
)
def test_costs_of_passes(measured, width, expected):
    costs = PassCosts()
    costs.add(1, 0.02)
    for measured_width, times in measured.items():
        for time in times:
            costs.add(measured_width, time * 0.02)

    assert costs.relative_cost(width) == pytest.approx(expected)
