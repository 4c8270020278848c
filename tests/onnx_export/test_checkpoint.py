import json
import shutil

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from onnx_export.checkpoint import Checkpoint
from onnx_export.errors import CheckpointError
from onnx_export.weights import Weight, stacked
from tests.onnx_export.conftest import export_quietly
from tests.support.tiny_checkpoint import tiny_tensors, write_tiny_checkpoint

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture
def hf_dir(tiny_hf, tmp_path):
    """A copy of the tiny checkpoint that a test may damage."""
    shutil.copytree(tiny_hf, tmp_path / "hf")
    return tmp_path / "hf"


def rewrite(hf_dir, change):
    tensors = load_file(hf_dir / SINGLE)
    change(tensors)
    save_file(tensors, hf_dir / SINGLE)


def split_in_two(hf_dir):
    tensors = load_file(hf_dir / SINGLE)
    names = sorted(tensors)
    half = len(names) // 2
    shards = {"a.safetensors": names[:half], "b.safetensors": names[half:]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, hf_dir / shard)
    (hf_dir / SINGLE).unlink()
    write_index(hf_dir, {name: shard for shard, held in shards.items() for name in held})


def write_index(hf_dir, weight_map):
    (hf_dir / INDEX).write_text(json.dumps({"weight_map": weight_map}))


def check_refused(hf_dir, message):
    """Nothing is written, not even in part, and the error says what is wrong."""
    out_dir = hf_dir.parent / "out"

    with pytest.raises(CheckpointError, match=message):
        export_quietly(hf_dir, out_dir)

    assert [path.name for path in hf_dir.parent.iterdir()] == ["hf"]


def test_a_missing_tensor_is_named(hf_dir):
    rewrite(hf_dir, lambda tensors: tensors.pop("model.layers.1.self_attn.o_proj.weight"))
    check_refused(hf_dir, r"the tensor model\.layers\.1\.self_attn\.o_proj\.weight is missing")


def test_a_missing_expert_is_named(hf_dir):
    rewrite(hf_dir, lambda tensors: tensors.pop("model.layers.2.mlp.experts.5.up_proj.weight"))
    check_refused(hf_dir, r"model\.layers\.2\.mlp\.experts\.5\.up_proj\.weight is missing")


def test_a_tensor_of_another_shape_is_named(hf_dir):
    def widen(tensors):
        tensors["lm_head.weight"] = np.zeros((320, 65), np.float32)

    rewrite(hf_dir, widen)
    message = (
        r"lm_head\.weight should have the shape \(320, 64\).*has \(320, 65\).*download the whole"
    )
    check_refused(hf_dir, message)


def test_a_tensor_of_integers_is_refused(hf_dir):
    def round_off(tensors):
        tensors["model.norm.weight"] = np.ones(64, np.int8)

    rewrite(hf_dir, round_off)
    check_refused(hf_dir, "is stored as I8; this exporter reads F32, F16, BF16")


@pytest.mark.parametrize("keep", [0, 4, 1000, -1])
def test_a_file_that_was_cut_off_is_named(hf_dir, keep):
    path = hf_dir / SINGLE
    path.write_bytes(path.read_bytes()[:keep])
    check_refused(hf_dir, r"model\.safetensors is cut off")


def test_a_folder_without_safetensors_is_refused(hf_dir):
    (hf_dir / SINGLE).rename(hf_dir / "pytorch_model.bin")
    check_refused(hf_dir, "holds neither")


def test_a_missing_shard_is_named(hf_dir):
    split_in_two(hf_dir)
    (hf_dir / "b.safetensors").unlink()
    check_refused(hf_dir, r"b\.safetensors is missing")


def test_a_shard_that_lacks_what_the_index_promises_is_named(hf_dir):
    split_in_two(hf_dir)
    weight_map = json.loads((hf_dir / INDEX).read_text())["weight_map"]
    write_index(hf_dir, {**weight_map, "lm_head.weight": "b.safetensors"})
    check_refused(hf_dir, r"b\.safetensors should hold the tensor lm_head\.weight")


@pytest.mark.parametrize("shard", ["../secret.safetensors", "/etc/passwd", 3])
def test_an_index_names_files_beside_it_only(hf_dir, shard):
    write_index(hf_dir, {"lm_head.weight": shard})
    check_refused(hf_dir, "which is no file name")


def test_an_index_without_a_map_is_refused(hf_dir):
    (hf_dir / INDEX).write_text("{}")
    check_refused(hf_dir, "has no 'weight_map'")


def test_shards_make_the_same_model(hf_dir, tiny_fp32, tmp_path):
    split_in_two(hf_dir)

    out_dir = export_quietly(hf_dir, tmp_path / "out")

    assert weights_of(out_dir) == weights_of(tiny_fp32)


def test_fused_experts_make_the_same_model(tiny_fp32, tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "fused", experts="fused")

    out_dir = export_quietly(hf_dir, tmp_path / "out")

    assert weights_of(out_dir) == weights_of(tiny_fp32)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_read_as_their_exact_value(tmp_path, dtype):
    name = "model.layers.0.mlp.up_proj.weight"
    halves = tiny_tensors()[name].astype(dtype)
    save_file({name: halves}, tmp_path / SINGLE)

    with Checkpoint(tmp_path) as checkpoint:
        found = checkpoint.find(name, halves.shape).read()

    assert found.dtype == np.float32
    assert (found == halves.astype(np.float32)).all()


def weights_of(model_folder):
    return (model_folder / "model.onnx.data").read_bytes()


def test_a_file_is_read_the_same_however_often_it_is_mapped_anew(hf_dir, monkeypatch):
    """What was mapped counts as memory, so a mapping is given up when much was read of it."""
    monkeypatch.setattr("onnx_export.safetensors_file._MAX_MAPPED_BYTES", 1000)
    name = "model.embed_tokens.weight"
    expected = tiny_tensors()[name]

    with Checkpoint(hf_dir) as checkpoint:
        weight = checkpoint.find(name, expected.shape)
        parts = [weight.rows(start, start + 32) for start in range(0, len(expected), 32)]

    assert (np.concatenate(parts) == expected).all()


def test_weights_of_several_tensors_are_read_as_one():
    tensors = [np.full((rows, 3), rows, np.float32) for rows in (2, 5, 1)]

    def part(tensor):
        return Weight("part", tensor.shape, lambda start, end: tensor[start:end])

    joined = stacked("all", [part(tensor) for tensor in tensors])

    assert joined.shape == (8, 3)
    assert (joined.read() == np.concatenate(tensors)).all()
    assert (joined.rows(1, 3) == np.concatenate(tensors)[1:3]).all()
    assert (joined.rows(6, 8) == np.concatenate(tensors)[6:8]).all()
