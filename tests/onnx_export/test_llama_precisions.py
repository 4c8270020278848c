"""Every precision and flavour of the tiny Llama, run on the CPU."""

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.graph_run import GraphRun
from onnx_export.recipes import INT4
from testing.tiny_llama import write_tiny_llama
from tests.onnx_export.conftest import export_quietly

FINER = replace(INT4, num_fine_layers=2)
TOKEN_IDS = np.random.default_rng(3).integers(0, 256, 120).tolist()


@pytest.fixture(scope="module")
def hf_dir(tmp_path_factory):
    return write_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def exact(hf_dir, tmp_path_factory):
    return read_in_parts(export_quietly(hf_dir, tmp_path_factory.mktemp("exact") / "out"))


def read_in_parts(folder):
    run = GraphRun(folder, len(TOKEN_IDS))
    parts = [run.append(TOKEN_IDS[:80]), run.append(TOKEN_IDS[80:110])]
    parts += [run.append([token_id]) for token_id in TOKEN_IDS[110:]]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("precision", "target", "least_correlation"),
    [
        ("fp16", "cpu", 0.9999),
        ("int8", "cpu", 0.99),
        ("int4", "cpu", 0.8),
        ("fp16", "cuda", 0.9999),
        ("int8", "cuda", 0.99),
        ("int4", "cuda", 0.8),
    ],
)
def test_rounded_exports_run_and_stay_near(
    hf_dir, exact, tmp_path, precision, target, least_correlation
):
    config = ExportConfig(precision, context_length=256, target=target)
    folder = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out", config))

    rounded = read_in_parts(folder.path)

    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > least_correlation
    assert folder.manifest.cache.dtype == {"cpu": "float32", "cuda": "float16"}[target]


@pytest.mark.parametrize(("recipe", "layers"), [(None, {0, 1}), (FINER, {0})])
def test_a_recipe_says_which_layers_and_projections_have_eight_bits(
    hf_dir, tmp_path, recipe, layers
):
    config = ExportConfig("int4", context_length=256, asked_recipe=recipe)
    out_dir = export_quietly(hf_dir, tmp_path / "out", config)

    bits = {
        node.name.rsplit("/", maxsplit=1)[0]: node.attributes["bits"].value
        for node in ir.load(out_dir / "model.onnx").graph
        if node.op_type == "MatMulNBits"
    }
    fours = {name for name, found in bits.items() if found == 4}
    parts = ("gate", "up", "down")
    assert fours == {f"/model/layers.{i}/mlp/{part}_proj" for i in layers for part in parts}
    assert {found for name, found in bits.items() if name not in fours} == {8}
