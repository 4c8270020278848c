"""Rotary settings against numbers that the reference gave for Lite."""

import dataclasses

import numpy as np
import pytest

from onnx_export.deepseek_v2_config import parse_deepseek_v2_config
from onnx_export.rope import attention_factor, inverse_frequencies, softmax_scale
from testing.tiny_checkpoint import TINY_CONFIG

LITE = parse_deepseek_v2_config(TINY_CONFIG)


def with_yarn(**changes):
    return dataclasses.replace(LITE, yarn=dataclasses.replace(LITE.yarn, **changes))


def test_the_softmax_scale_of_lite_has_mscale_squared():
    assert softmax_scale(LITE) == pytest.approx(0.1147213867929261, rel=1e-12)


def test_cos_and_sin_of_lite_are_not_scaled():
    assert attention_factor(LITE) == 1.0


def test_fast_pairs_turn_as_trained_and_slow_ones_forty_times_slower():
    plain = inverse_frequencies(dataclasses.replace(LITE, yarn=None))
    slowed = inverse_frequencies(LITE)

    np.testing.assert_array_equal(slowed[:10], plain[:10])
    np.testing.assert_allclose(slowed[24:] * 40, plain[24:], rtol=1e-6)
    assert (np.diff(slowed / plain) < 1e-6).all()


def test_frequencies_are_rounded_as_the_reference_rounds_them():
    plain = inverse_frequencies(dataclasses.replace(LITE, yarn=None))

    powers = [np.float32(10000.0 ** (2 * i / 64)) for i in range(32)]
    assert plain.tolist() == [float(np.float32(1) / power) for power in powers]


def test_other_ways_to_say_the_factor():
    assert attention_factor(with_yarn(attention_factor=1.5)) == 1.5
    plain_yarn = with_yarn(mscale=0.0, mscale_all_dim=0.0)
    assert attention_factor(plain_yarn) == pytest.approx(0.1 * np.log(40) + 1)
    assert softmax_scale(plain_yarn) == pytest.approx(192**-0.5)
    assert attention_factor(with_yarn(factor=1.0)) == 1.0
