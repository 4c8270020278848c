import numpy as np
import pytest

from coder_lsp.engine.decoding.sampler import Sampler
from coder_lsp.generation import GenerationOptions


def check_sample(logits, expected, *, ends=(), generable=None, num_draws=200, **options):
    row = np.array(logits, np.float32)
    sampler = Sampler(GenerationOptions(seed=1, **options), ends, generable or len(row))

    assert {sampler.sample(row.copy()).token_id for _ in range(num_draws)} == expected


def test_greedy_takes_the_highest():
    check_sample([0, 3, 2], {1})


def test_a_token_that_ends_the_text_may_be_chosen_wherever_it_is():
    check_sample([0, 9, 2], {1}, ends=[1])
    check_sample([0, 1, 9, 8, 9], {3}, ends=[3], generable=2)


def test_ids_that_are_not_generable_are_never_generated():
    check_sample([0, 1, 9, 9], {1}, generable=2)


def test_top_p_keeps_the_token_that_crosses_it():
    even = np.log([0.5, 0.3, 0.2])

    check_sample(even, {0}, temperature=1.0, top_p=0.4)
    check_sample(even, {0, 1}, temperature=1.0, top_p=0.6)
    check_sample(even, {0, 1, 2}, temperature=1.0, top_p=1.0)
    check_sample(even, {0}, temperature=1.0, top_p=0.0)


def test_a_set_larger_than_what_is_sorted_first():
    falling = np.arange(150) * -1e-6

    check_sample(falling, set(range(75)), temperature=1.0, top_p=0.5, num_draws=4000)


def test_tokens_are_drawn_as_often_as_they_are_likely():
    row = np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32))
    sampler = Sampler(GenerationOptions(temperature=1.0, top_p=0.9, seed=1), [], 4)
    drawn = [sampler.sample(row.copy()).token_id for _ in range(6000)]
    shares = np.bincount(drawn, minlength=4) / len(drawn)

    assert shares == pytest.approx(np.array([0.5, 0.25, 0.15, 0.0]) / 0.9, abs=0.03)


def test_a_lower_temperature_prefers_the_likely():
    row = np.log(np.array([0.75, 0.25], np.float32))
    sampler = Sampler(GenerationOptions(temperature=0.5, seed=1), [], 2)
    drawn = [sampler.sample(row.copy()).token_id for _ in range(4000)]

    assert np.mean(drawn) == pytest.approx(0.1, abs=0.02)


def test_logprob_is_that_of_the_distribution_without_unused_ids():
    row = np.log(np.array([0.25, 0.5, 0.25], np.float32))

    token = Sampler(GenerationOptions(), [2], 1).sample(row)

    assert token.logprob == pytest.approx(np.log(0.5), abs=1e-6)


def test_a_seed_repeats_the_same_draws():
    def draws(seed):
        sampler = Sampler(GenerationOptions(temperature=1.0, seed=seed), [], 50)
        return [sampler.sample(np.zeros(50, np.float32)).token_id for _ in range(20)]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)
