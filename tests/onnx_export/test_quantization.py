import threading

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from onnx_export.errors import CheckpointError, ConfigError
from onnx_export.quantization import Quantization

GRIDS = [
    Quantization(bits, block_size, "float16", bits == 4, has_zero_points)
    for bits in (4, 8)
    for block_size in (16, 32, 64, 128)
    for has_zero_points in (False, True)
]


def matmul_n_bits(quantization, rows, x, accuracy_level):
    """Run ONNX Runtime's own operator on ``x``."""
    arrays = {"integers": rows.integers, "scales": rows.scales.astype(np.float32)}
    if rows.zero_points is not None:
        arrays["zero_points"] = rows.zero_points
    values = {
        name: ir.Value(
            name=name,
            type=ir.TensorType(ir.tensor(array).dtype),
            shape=ir.Shape(array.shape),
            const_value=ir.tensor(array, name=name),
        )
        for name, array in arrays.items()
    }
    given = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(x.shape))
    node = ir.node(
        "MatMulNBits",
        [given, *values.values()],
        {
            "K": x.shape[1],
            "N": len(rows.scales),
            "bits": quantization.bits,
            "block_size": quantization.block_size,
            "accuracy_level": accuracy_level,
        },
        domain="com.microsoft",
    )
    result = node.outputs[0]
    result.name, result.type = "y", ir.TensorType(ir.DataType.FLOAT)
    graph = ir.Graph(
        [given],
        [result],
        nodes=[node],
        initializers=list(values.values()),
        opset_imports={"": 23, "com.microsoft": 1},
        name="product",
    )
    model = ir.to_proto(ir.Model(graph, ir_version=11)).SerializeToString()
    return onnxruntime.InferenceSession(model).run(None, {"x": x})[0]


def unpacked(bits, packed):
    if bits == 8:
        return packed
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def dequantize(quantization, rows):
    """The inverse, written from ONNX Runtime's documentation of MatMulNBits."""
    integers = unpacked(quantization.bits, rows.integers).astype(np.float32)
    blocks = integers.shape[-2]
    if rows.zero_points is None:
        zero_points = np.float32(2 ** (quantization.bits - 1))
    else:
        zero_points = unpacked(quantization.bits, rows.zero_points)[:, :blocks, None]
    values = (integers - zero_points) * rows.scales.astype(np.float32)[..., None]
    return values.reshape(*values.shape[:-2], -1)


@pytest.mark.parametrize("has_zero_points", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("block_size", [16, 32, 128])
def test_no_weight_moves_by_more_than_a_step(bits, block_size, has_zero_points):
    weight = np.random.default_rng(0).standard_normal((24, 256)).astype(np.float32)
    quantization = Quantization(bits, block_size, has_zero_points=has_zero_points)

    rows = quantization.quantize(weight)
    restored = dequantize(quantization, rows)

    steps = np.repeat(np.abs(rows.scales), block_size, axis=-1)
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

    restored = dequantize(quantization, quantization.quantize(weight))

    assert restored[0, 7] == -3.0


@pytest.mark.parametrize("has_zero_points", [False, True])
@pytest.mark.parametrize("block_size", [32, 128])
@pytest.mark.parametrize("scale_type", ["float32", "float16"])
def test_a_search_moves_weights_less(block_size, scale_type, has_zero_points):
    weight = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)

    def error(*, searches):
        quantization = Quantization(4, block_size, scale_type, searches, has_zero_points)
        restored = dequantize(quantization, quantization.quantize(weight))
        return ((restored - weight) ** 2).reshape(-1, block_size).sum(axis=-1)

    found, plain = error(searches=True), error(searches=False)

    assert (found <= plain * 1.001).all()
    assert found.sum() < 0.95 * plain.sum()


@pytest.mark.parametrize("has_zero_points", [False, True])
def test_zeros_stay_zeros(has_zero_points):
    weight = np.zeros((2, 32), np.float32)
    weight[1, ::2] = 0.3
    quantization = Quantization(4, 32, has_zero_points=has_zero_points)

    restored = dequantize(quantization, quantization.quantize(weight))

    assert (restored[weight == 0] == 0).all()


def test_zero_points_move_lopsided_weights_less():
    weight = np.random.default_rng(0).uniform(-0.1, 1.0, (64, 256)).astype(np.float32)

    def error(*, has_zero_points):
        quantization = Quantization(
            4, 32, "float16", searches=True, has_zero_points=has_zero_points
        )
        restored = dequantize(quantization, quantization.quantize(weight))
        return np.square(restored - weight).sum()

    assert error(has_zero_points=True) < 0.5 * error(has_zero_points=False)


@pytest.mark.parametrize("quantization", GRIDS, ids=str)
@pytest.mark.parametrize("row_length", [96, 256])
def test_the_kernel_computes_with_what_restore_returns(quantization, row_length):
    fitted = quantization.fitted_to(row_length)
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((40, row_length)).astype(np.float32)
    rows = fitted.quantize(weight)

    # Level 0 keeps activations as they are, so that only the weights are rounded.
    product = matmul_n_bits(fitted, rows, np.eye(row_length, dtype=np.float32), accuracy_level=0)

    restored = fitted.restore(rows)
    np.testing.assert_allclose(product.T, restored, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(restored, dequantize(fitted, rows))


@pytest.mark.parametrize("has_zero_points", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_no_number_is_refused_by_the_name_of_its_tensor(
    value, bits, has_zero_points
):
    weight = np.ones((600, 256), np.float32)
    weight[599, 31] = value
    quantization = Quantization(bits, 32, "float16", searches=True, has_zero_points=has_zero_points)

    with pytest.raises(CheckpointError, match=r"The tensor a\.weight contains a weight"):
        list(quantization.stream("a.weight", [weight[:300], weight[300:]]))


def test_no_more_threads_run_than_processors_are_allowed(monkeypatch):
    """A container has few of a machine's processors, and each thread takes memory."""
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    threads = set()
    weight = np.ones((4000, 256), np.float32)

    class Noted(Quantization):
        def _scales(self, columns):
            threads.add(threading.get_ident())
            return super()._scales(columns)

    Noted(4, 32).quantize(weight)

    assert len(threads) == 1


@pytest.mark.parametrize(
    ("row_lengths", "block_size"),
    [((2048,), 128), ((10944,), 64), ((2048, 1408), 128), ((96,), 32), ((16,), 16)],
)
def test_a_block_is_made_smaller_until_it_divides_the_rows(row_lengths, block_size):
    assert Quantization(4, 128).fitted_to(*row_lengths).block_size == block_size


def test_rows_that_no_block_divides_are_refused():
    with pytest.raises(ConfigError, match="Rows of 100 weights cannot be quantized"):
        Quantization(4, 32).fitted_to(100)


@pytest.mark.parametrize("quantization", GRIDS[:4], ids=str)
def test_rows_are_the_same_however_they_are_parted(quantization):
    """So that an export continues anywhere, with any number of threads, and has the same sums."""
    weight = np.random.default_rng(0).standard_normal((1500, 256)).astype(np.float32)

    whole = list(quantization.stream("a", [weight]))
    parted = list(quantization.stream("a", np.array_split(weight, 7)))

    integers = parted[:7]
    assert (np.concatenate(integers) == whole[0]).all()
    for one, other in zip(whole[1:], parted[7:], strict=True):
        assert (one == other).all()
