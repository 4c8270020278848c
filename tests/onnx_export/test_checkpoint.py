import json
import os
import shutil

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from onnx_export.checkpoint import Checkpoint, weight_files
from onnx_export.config import ExportConfig
from onnx_export.errors import CheckpointError
from onnx_export.export import HuggingFaceFolder, Labels, export
from onnx_export.safetensors_file import SafetensorsFile
from onnx_export.weights import Weight, stacked
from testing.tiny_checkpoint import tiny_tensors, write_tiny_checkpoint
from tests.onnx_export.conftest import export_quietly

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


@pytest.mark.parametrize("name", ["model-00001-of-00001.safetensors", "weights.safetensors"])
def test_a_single_file_is_read_whatever_its_name(hf_dir, tiny_fp32, tmp_path, name):
    (hf_dir / SINGLE).rename(hf_dir / name)

    assert weights_of(export_quietly(hf_dir, tmp_path / "out")) == weights_of(tiny_fp32)


def split_without_an_index(hf_dir):
    split_in_two(hf_dir)
    (hf_dir / INDEX).unlink()
    for number, name in enumerate(("a.safetensors", "b.safetensors"), 1):
        (hf_dir / name).rename(hf_dir / f"model-0000{number}-of-00002.safetensors")


def test_all_shards_without_an_index_are_read(hf_dir, tiny_fp32, tmp_path):
    split_without_an_index(hf_dir)

    assert weights_of(export_quietly(hf_dir, tmp_path / "out")) == weights_of(tiny_fp32)


def test_a_missing_shard_without_an_index_is_named(hf_dir):
    split_without_an_index(hf_dir)
    (hf_dir / "model-00001-of-00002.safetensors").unlink()
    check_refused(hf_dir, r"model-00001-of-00002\.safetensors is missing, and there is no")


def test_shards_of_two_models_without_an_index_are_refused(hf_dir):
    split_without_an_index(hf_dir)
    shutil.copyfile(
        hf_dir / "model-00001-of-00002.safetensors", hf_dir / "other-00001-of-00001.safetensors"
    )
    check_refused(hf_dir, r"among them other-00001-of-00001\.safetensors")


def test_a_tensor_in_two_shards_is_refused(hf_dir):
    split_without_an_index(hf_dir)
    shutil.copyfile(
        hf_dir / "model-00001-of-00002.safetensors", hf_dir / "model-00002-of-00002.safetensors"
    )
    check_refused(hf_dir, "both hold the tensor")


def test_two_files_of_no_known_name_are_refused(hf_dir):
    (hf_dir / SINGLE).rename(hf_dir / "a.safetensors")
    shutil.copyfile(hf_dir / "a.safetensors", hf_dir / "b.safetensors")
    check_refused(hf_dir, "but a.safetensors, b.safetensors")


@pytest.mark.parametrize("stray", ["consolidated.safetensors", "model-00001-of-00009.safetensors"])
@pytest.mark.parametrize("has_index", [True, False])
def test_stray_files_are_not_read(hf_dir, tiny_fp32, tmp_path, stray, has_index):
    if has_index:
        split_in_two(hf_dir)
    (hf_dir / stray).write_bytes(b"not even safetensors")

    out_dir = export_quietly(hf_dir, tmp_path / "out")

    assert weights_of(out_dir) == weights_of(tiny_fp32)
    names = [path.name for path in weight_files(hf_dir)]
    assert names == (["a.safetensors", "b.safetensors"] if has_index else [SINGLE])


def test_a_file_that_changes_while_it_is_read_is_refused(hf_dir, tmp_path):
    path = hf_dir / SINGLE

    def change(_):
        os.utime(path, ns=(1, 1))

    source = HuggingFaceFolder(hf_dir)
    with pytest.raises(CheckpointError, match=r"model\.safetensors changed while it was read"):
        export(source, tmp_path / "out", ExportConfig("fp32"), Labels(), change)


def test_a_file_that_cannot_be_mapped_anew_leaves_the_old_mapping_open(hf_dir, monkeypatch):
    monkeypatch.setattr("onnx_export.safetensors_file._MAX_MAPPED_BYTES", 0)
    file = SafetensorsFile(hf_dir / SINGLE)
    name = "model.norm.weight"
    expected = file.rows(name, 0, 64)

    def fail(path):
        raise CheckpointError(f"{path} is gone")

    with monkeypatch.context() as patch:
        patch.setattr("onnx_export.safetensors_file._open", fail)
        with pytest.raises(CheckpointError, match="is gone"):
            file.rows(name, 0, 64)

    assert (file.rows(name, 0, 64) == expected).all()
    file.close()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
@pytest.mark.parametrize(
    "name",
    [
        "model.layers.1.mlp.experts.3.down_proj.weight",
        "model.layers.2.mlp.gate.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.1.self_attn.kv_b_proj.weight",
    ],
)
def test_a_weight_that_is_no_number_is_refused(hf_dir, value, precision, name):
    rewrite(hf_dir, lambda tensors: tensors[name].reshape(-1).__setitem__(5, value))

    with pytest.raises(CheckpointError, match="not a finite number"):
        export_quietly(hf_dir, hf_dir.parent / "out", ExportConfig(precision))

    assert not (hf_dir.parent / "out").exists()


def test_a_weight_too_large_for_halves_is_refused_in_halves_only(hf_dir, tmp_path):
    name = "model.layers.0.mlp.up_proj.weight"
    rewrite(hf_dir, lambda tensors: tensors[name].reshape(-1).__setitem__(5, 1e6))

    with pytest.raises(CheckpointError, match=r"too large for float16.*--precision fp32"):
        export_quietly(hf_dir, tmp_path / "out", ExportConfig("fp16"))

    export_quietly(hf_dir, tmp_path / "exact")


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
