"""Linear layers by head: what rounding may cost, and that rows do not touch each other."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from onnx_export.graph_builder import WEIGHTS_NAME, GraphBuilder
from onnx_export.layers.head_linear import head_weight, linear_by_head
from onnx_export.weights_file import WeightsFile

HEADS, IN, OUT = 4, 64, 96


def matrices():
    rng = np.random.default_rng(0)
    # Columns of very different sizes, and one of zeros: each has a scale of its own.
    sizes = np.logspace(-3, 1, OUT)
    sizes[5] = 0
    return (rng.standard_normal((HEADS, IN, OUT)) * sizes).astype(np.float32)


def rows(num_rows):
    rng = np.random.default_rng(1)
    # Heads and rows of very different sizes as well.
    sizes = np.logspace(-2, 2, HEADS)[:, None, None] * np.logspace(0, 1, num_rows)[None, :, None]
    return (rng.standard_normal((HEADS, num_rows, IN)) * sizes).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["floats", "eight bits"])
def is_quantized(request):
    return request.param


@pytest.fixture
def layer(tmp_path, is_quantized):
    builder = GraphBuilder(weights={})
    x = builder.input("x", ir.DataType.FLOAT, [HEADS, "num_tokens", IN])
    weight = head_weight(builder, "w", (HEADS, IN, OUT), matrices, is_quantized=is_quantized)
    y = linear_by_head(builder, x, weight)
    builder.output(y, "y", ir.DataType.FLOAT, [HEADS, "num_tokens", OUT])
    graph = builder.build("layer", "test")
    ir.save(graph.model, tmp_path / "layer.onnx")
    WeightsFile(tmp_path / WEIGHTS_NAME, tmp_path / "journal", graph.segments).write(lambda _: None)
    session = onnxruntime.InferenceSession(
        tmp_path / "layer.onnx", providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(["y"], {"x": x})[0]


@pytest.mark.parametrize("num_rows", [1, 2, 17])
def test_each_head_has_its_matrix_and_each_row_its_scale(layer, is_quantized, num_rows):
    x = rows(num_rows)

    y, expected = layer(x), x @ matrices()

    columns = np.abs(matrices()).max(axis=1, keepdims=True)
    sizes = np.linalg.norm(x, axis=-1, keepdims=True) * columns
    allowed = 0.02 if is_quantized else 1e-5
    assert (np.abs(y - expected) <= allowed * sizes).all()


def test_rows_of_zeros_give_zeros(layer):
    x = rows(3)
    x[:, 1] = 0

    y = layer(x)

    assert (y[:, 1] == 0).all()
    assert np.isfinite(y).all()


# Floats are summed in another order where there are more rows.
@pytest.mark.parametrize("is_quantized", [True], indirect=True, ids=["eight bits"])
def test_a_row_does_not_depend_on_the_others(layer):
    x = rows(9)

    together = layer(x)

    for row in range(9):
        np.testing.assert_array_equal(layer(x[:, row : row + 1])[:, 0], together[:, row])
