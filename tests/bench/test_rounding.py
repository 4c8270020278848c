import gzip
import json
from dataclasses import replace

import gguf
import numpy as np
import onnx_ir as ir
import pytest
from click.testing import CliRunner

from bench.rounding.body import bits_per_weight
from bench.rounding.command import command
from bench.rounding.grid_noise import NoisySource
from bench.rounding.recipes import candidates
from onnx_export.config import ExportConfig
from onnx_export.errors import CheckpointError
from onnx_export.recipes import INT4
from onnx_export.source import open_source
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_gguf import tiny_gguf
from testing.tiny_llama import write_tiny_llama
from tests.onnx_export.conftest import export_quietly

TASK = {
    "entry_point": "f",
    "prompt": "def f(a, b):\n",
    "suffix": "    return c\n",
    "canonical_solution": "    c = a + b\n",
    "test": "",
}
KIND = gguf.GGMLQuantizationType


@pytest.fixture(scope="module")
def q4_0(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    tiny = tiny_gguf(write_tiny_llama(folder / "hf"))
    return tiny.write(folder / "tiny.gguf", KIND.Q4_0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tasks.jsonl.gz"
    tasks = [{**TASK, "task_id": f"SingleLineInfilling/{i}"} for i in range(2)]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, tasks)).encode()))
    return path


def judge(data, *options):
    out = data.with_name("report.json")
    result = CliRunner().invoke(command, [str(data), "--json", str(out), *map(str, options)])
    assert result.exit_code == 0, result.output
    return json.loads(out.read_text())


def test_rows_tell_how_far_each_recipe_is_from_float32(tmp_path, data):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")

    report = judge(data, "--model", hf_dir)

    # Two holes in one program are one program; the tiny tokenizer has a token for each byte.
    assert (report["programs"], report["tokens"]) == (1, 40)
    rows = {row["recipe"]: row for row in report["rows"]}
    assert list(rows) == [candidate.name for candidate in candidates()]
    assert {(row["model"], row["variant"]) for row in rows.values()} == {("hf", "plain")}
    assert rows["int8"]["kl_nats_per_1000"] < rows["int4"]["kl_nats_per_1000"]
    assert rows["int4"]["kl_nats_per_1000"] < rows["symmetric"]["kl_nats_per_1000"]
    assert abs(rows["int8"]["perplexity_ratio"] - 1) < 0.05
    for row in rows.values():
        assert row["perplexity_ratio"] == pytest.approx(row["perplexity"] / report["perplexity"])


def test_noise_is_part_of_what_is_judged(q4_0, data):
    options = ("--model", q4_0, "--recipe", "int4")

    plain, noisy = judge(data, *options), judge(data, *options, "--noisy")

    assert [report["variant"] for report in (plain, noisy)] == ["plain", "noisy"]
    assert noisy["perplexity"] != plain["perplexity"]


@pytest.mark.parametrize("kind", [KIND.Q4_0, KIND.Q5_0, KIND.Q8_0])
def test_noise_moves_each_weight_by_up_to_half_a_step_of_its_grid(tmp_path, kind):
    tiny = tiny_gguf(write_tiny_llama(tmp_path / "hf"))
    path = tiny.write(tmp_path / "tiny.gguf", kind)
    name, shape = "model.layers.1.mlp.up_proj.weight", None
    shape = tiny.tensors["blk.1.ffn_up.weight"].shape

    with open_source(path).open_weights() as weights:
        exact = weights.find(name, shape).read()
        norm = weights.find("model.norm.weight", (shape[1],)).read()
    with NoisySource.open(path, 7).open_weights() as weights:
        found = weights.find(name, shape)
        moved = found.read()
        in_parts = np.concatenate([found.rows(0, 5), found.rows(5, shape[0])])
        moved_norm = weights.find("model.norm.weight", (shape[1],)).read()

    # Values of a block are whole steps apart, and so many values have two that are one step apart.
    sorted_blocks = np.sort(exact.reshape(-1, 32), axis=-1)
    gaps = np.diff(sorted_blocks, axis=-1)
    steps = np.where(gaps > 1e-7, gaps, np.inf).min(axis=-1)
    parts = np.abs(moved - exact).reshape(-1, 32) / steps[:, None]
    assert parts.max() <= 0.501
    if kind is KIND.Q4_0:
        assert parts.mean() == pytest.approx(0.25, abs=0.02)
    assert (in_parts == moved).all()
    assert (moved_norm == norm).all()


def test_another_seed_is_another_noise(q4_0):
    shape = (64, 64)
    name = "model.layers.0.self_attn.q_proj.weight"

    def read(seed):
        with NoisySource.open(q4_0, seed).open_weights() as weights:
            return weights.find(name, shape).read()

    assert (read(1) == read(1)).all()
    assert (read(1) != read(2)).mean() > 0.9


def test_a_file_without_a_grid_is_refused_for_noise(tmp_path):
    path = tiny_gguf(write_tiny_llama(tmp_path / "hf")).write(tmp_path / "tiny.gguf", KIND.F32)

    with pytest.raises(CheckpointError, match="whose grid is unknown"):
        NoisySource.open(path, 0)


@pytest.mark.parametrize(
    ("config", "bits"),
    [
        (ExportConfig("int8"), 9.0),
        (ExportConfig("int4", asked_recipe=replace(INT4, attention_bits=4)), 4.625),
    ],
)
def test_bits_are_counted_with_scales_and_zero_points(tmp_path, config, bits):
    hf_dir = write_tiny_llama(tmp_path / "hf")
    recipe = config.asked_recipe
    if recipe is not None:
        config = replace(config, asked_recipe=replace(recipe, num_fine_layers=0))
    out_dir = export_quietly(hf_dir, tmp_path / "out", config)

    assert bits_per_weight(ir.load(out_dir / "model.onnx")) == pytest.approx(bits, abs=0.01)
