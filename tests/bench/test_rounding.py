import gzip
import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench.rounding.command import command
from bench.rounding.recipes import RECIPES, Asymmetric, Symmetric
from onnx_export.quantization import Quantization
from tests.support.tiny_checkpoint import write_tiny_checkpoint

EXPORTS = ["exported, int8", "exported, int4 --no-scale-search", "exported, int4"]
TASK = {
    "entry_point": "f",
    "prompt": "def f(a, b):\n",
    "suffix": "    return c\n",
    "canonical_solution": "    c = a + b\n",
    "test": "",
}


def recipe_named(name):
    return next(recipe for recipe in RECIPES if recipe.name == name)


@pytest.mark.parametrize(
    "rounding", [Symmetric(Quantization(4, 32)), Asymmetric(32)], ids=["symmetric", "asymmetric"]
)
def test_what_is_restored_is_near_and_has_few_values(rounding):
    weight = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)

    restored = rounding.restored(weight)

    assert restored.dtype == np.float32
    assert np.abs(restored - weight).max() < 0.5
    for block in restored.reshape(-1, 32):
        assert len(np.unique(block)) <= 16


@pytest.mark.parametrize(
    ("recipe", "tensor", "bits"),
    [
        ("plain rounding", "model.layers.1.mlp.experts.0.up_proj.weight", 4),
        ("plain rounding", "model.layers.1.mlp.gate.weight", None),
        ("plain rounding", "model.layers.1.self_attn.kv_a_proj_with_mqa.weight", 8),
        ("plain rounding", "model.layers.0.self_attn.o_proj.weight", 4),
        ("scale search, first layer in 8 bits", "model.layers.0.self_attn.o_proj.weight", 8),
        ("scale search, first layer in 8 bits", "model.layers.1.self_attn.o_proj.weight", 4),
        ("scale search, kv_a_proj in 4 bits", "model.layers.1.self_attn.kv_a_proj.weight", 4),
        ("as chosen, attention in 8 bits", "model.layers.1.self_attn.o_proj.weight", 8),
    ],
)
def test_a_recipe_says_which_tensor_is_rounded_how(recipe, tensor, bits):
    rounding = recipe_named(recipe).rounding_of(tensor, np.zeros((8, 64), np.float32))

    assert bits == (None if rounding is None else rounding.quantization.bits)


def test_rows_tell_how_far_each_recipe_is_from_float32(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    data, out = tmp_path / "tasks.jsonl.gz", tmp_path / "report.json"
    tasks = [{**TASK, "task_id": f"SingleLineInfilling/{i}"} for i in range(2)]
    data.write_bytes(gzip.compress("\n".join(map(json.dumps, tasks)).encode()))

    result = CliRunner().invoke(command, [str(data), "--hf", str(hf_dir), "--json", str(out)])

    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    # Two holes in one program are one program; the tiny tokenizer has a token for each byte.
    assert (report["programs"], report["tokens"]) == (1, 40)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == [recipe.name for recipe in RECIPES] + EXPORTS
    assert rows["exported, int8"]["divergence"] < rows["exported, int4"]["divergence"]
    assert 0 < rows["exported, int4"]["divergence"] < 2
    assert abs(rows["exported, int8"]["perplexity_growth"]) < 0.05
    for row in rows.values():
        growth = row["perplexity"] / report["perplexity"] - 1
        assert row["perplexity_growth"] == pytest.approx(growth)
