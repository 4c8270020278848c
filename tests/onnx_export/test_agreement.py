import numpy as np
import pytest

from onnx_export.agreement import (
    greedy_agreement,
    max_abs_error,
    relative_error,
    rows_before_router_tie,
)

# Tokens that the reference likes best, one a row: 2, 0, 1, 2.
CLEAR = np.array([[0, 1, 5], [4, 1, 0], [0, 3, 1], [1, 0, 2]], np.float32)
TIED = np.array([[0, 1, 5], [4, 1, 0], [3, 3.0005, 1], [1, 0, 2]], np.float32)


def check_agreement(continuation, reference_logits, expected):
    found = greedy_agreement(continuation, reference_logits)

    assert (
        found.num_compared,
        found.is_mismatch,
        found.is_near_tie,
        found.num_agreeing,
    ) == expected


def test_an_equal_continuation_is_compared_to_its_end():
    check_agreement([2, 0, 1, 2], CLEAR, (4, False, False, 4))


@pytest.mark.parametrize("chosen", [0, 1])
def test_comparison_ends_at_a_near_tie_whatever_was_chosen(chosen):
    check_agreement([2, 0, chosen, 2], TIED, (2, False, True, 3 + (chosen == 1)))


def test_comparison_ends_at_the_first_mismatch():
    check_agreement([2, 1, 1, 0], CLEAR, (2, True, False, 2))


def test_a_mismatch_before_a_tie_is_a_mismatch():
    check_agreement([0, 0, 1, 2], TIED, (1, True, False, 3))


def test_the_greatest_difference_counts():
    assert max_abs_error(CLEAR, TIED) == 3.0


def test_nothing_differs_in_nothing():
    assert max_abs_error(CLEAR[:0], TIED[:0]) == 0.0


@pytest.mark.parametrize(
    ("margins", "expected"),
    [([1, 2e-5, 1], 3), ([1, 1e-6, 1, 1e-6], 1), ([0, 1], 0), ([np.inf, np.inf], 2)],
)
def test_comparison_ends_where_rounding_chose_an_expert(margins, expected):
    assert rows_before_router_tie(np.array(margins, np.float32)) == expected


def test_the_relative_error_is_a_part_of_the_spread():
    reference = np.array([[0.0, 2.0], [10.0, 12.0]], np.float32)

    assert relative_error(reference, reference) == 0
    assert relative_error(reference + np.array([0.5, -0.5], np.float32), reference) == 0.5
    assert relative_error(reference * 3, reference * 3 + 3) == pytest.approx(1.0)
