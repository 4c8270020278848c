import numpy as np
import pytest

from onnx_export.errors import ConfigError
from onnx_export.quantization import Quantization


def dequantize(quantization, packed, scales):
    """The inverse, written from ONNX Runtime's documentation of MatMulNBits."""
    if quantization.bits == 4:
        packed = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
    blocks = (packed.astype(np.float32) - quantization.zero_point) * scales[..., None]
    return blocks.reshape(*blocks.shape[:-2], -1)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("block_size", [16, 32, 128])
def test_no_weight_moves_by_more_than_a_step(bits, block_size):
    weight = np.random.default_rng(0).standard_normal((24, 256)).astype(np.float32)
    quantization = Quantization(bits, block_size)

    packed, scales = quantization.quantize(weight)
    restored = dequantize(quantization, packed, scales)

    steps = np.repeat(np.abs(scales), block_size, axis=-1)
    error = np.abs(restored - weight)
    assert (error <= steps * 1.001).all()
    # Only at the end of the range that has one step less may it be more than half a step.
    assert (error > steps * 0.501).mean() < 0.02


@pytest.mark.parametrize("bits", [4, 8])
def test_the_greatest_value_of_a_block_is_exact(bits):
    weight = np.full((1, 32), 0.25, np.float32)
    weight[0, 7] = -3.0
    weight[0, 8] = 2.9
    quantization = Quantization(bits, 32)

    restored = dequantize(quantization, *quantization.quantize(weight))

    assert restored[0, 7] == -3.0


@pytest.mark.parametrize("block_size", [32, 128])
@pytest.mark.parametrize("scale_type", ["float32", "float16"])
def test_a_search_moves_weights_less(block_size, scale_type):
    weight = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)

    def error(*, searches):
        quantization = Quantization(4, block_size, scale_type, searches)
        restored = dequantize(quantization, *quantization.quantize(weight))
        return ((restored - weight) ** 2).reshape(-1, block_size).sum(axis=-1)

    found, plain = error(searches=True), error(searches=False)

    assert (found <= plain * 1.001).all()
    assert found.sum() < 0.95 * plain.sum()


def test_a_block_of_zeros_stays_zero():
    weight = np.zeros((2, 32), np.float32)
    quantization = Quantization(4, 32)

    restored = dequantize(quantization, *quantization.quantize(weight))

    assert (restored == 0).all()


@pytest.mark.parametrize(
    ("row_lengths", "block_size"),
    [((2048,), 128), ((10944,), 64), ((2048, 1408), 128), ((96,), 32), ((16,), 16)],
)
def test_a_block_is_made_smaller_until_it_divides_the_rows(row_lengths, block_size):
    assert Quantization(4, 128).fitted_to(*row_lengths).block_size == block_size


def test_rows_that_no_block_divides_are_refused():
    with pytest.raises(ConfigError, match="Rows of 100 weights cannot be quantized"):
        Quantization(4, 32).fitted_to(100)
