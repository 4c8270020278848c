"""What one module writes, the other reads; and a folder is complete or absent."""

import json

import numpy as np
import pytest

from coder_lsp.models.model_folder import GroupedLayout, ModelFolder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.config import ExportConfig
from onnx_export.errors import ConfigError, OutputError, TokenizerError
from onnx_export.export import Labels, MadeUp, export
from onnx_export.random_weights import RandomWeights
from testing.parity import Sequence, load_runner
from testing.tiny_checkpoint import (
    FIM_TOKENS,
    TINY_CONFIG,
    tiny_tensors,
    tiny_tokenizer,
    write_json,
    write_tiny_checkpoint,
)
from testing.tiny_llama import (
    TINY_LLAMA_CONFIG,
    tiny_llama_tensors,
    tiny_llama_tokenizer,
    write_tiny_llama,
)
from tests.onnx_export.conftest import REPOSITORY, export_quietly


def test_the_manifest_is_understood_by_its_reader(tiny_fp32):
    folder = ModelFolder.read(tiny_fp32)
    folder.verify_files()

    manifest = folder.manifest
    assert manifest.name == "tiny-fp32"
    assert manifest.source.model == "tiny"
    assert manifest.source.license == "unknown"
    assert manifest.source.num_parameters == sum(t.size for t in tiny_tensors().values())
    assert manifest.cache.num_layers == 3
    assert manifest.cache.width == 32 + 64
    assert manifest.context_length == 163840
    # Bytes, two ends and the FIM tokens; the embedding's other rows stand for nothing.
    assert manifest.num_generable_ids == 261
    tokenizer = Tokenizer(folder.tokenizer_path)
    fim = (manifest.fim.fim_hole, manifest.fim.fim_begin, manifest.fim.fim_end)
    assert fim == tuple(tokenizer.token_id(name) for name in FIM_TOKENS)


def test_only_the_chosen_experts_are_counted_as_active(tiny_fp32):
    source = ModelFolder.read(tiny_fp32).manifest.source

    idle_experts = TINY_CONFIG["n_routed_experts"] - TINY_CONFIG["num_experts_per_tok"]
    expert = 3 * TINY_CONFIG["hidden_size"] * TINY_CONFIG["moe_intermediate_size"]
    assert source.num_parameters - source.num_active_parameters == 2 * idle_experts * expert


def test_labels_from_the_command_line_win(tiny_hf, tmp_path):
    labels = Labels(name="small", license="MIT", num_generable_ids=200)
    config = ExportConfig("fp32", context_length=2048)

    manifest = ModelFolder.read(export_quietly(tiny_hf, tmp_path / "out", config, labels)).manifest

    assert (manifest.name, manifest.source.license) == ("small", "MIT")
    assert (manifest.num_generable_ids, manifest.context_length) == (200, 2048)


@pytest.mark.parametrize(
    ("card", "license_"),
    [
        ("---\nlicense: mit\ntags: [code]\n---\n# Tiny\n", "mit"),
        ("---\nlicense: other\nlicense_name: deepseek-license\n---\n", "deepseek-license"),
        ("---\ntags: [code]\n---\nlicense: mit\n", "unknown"),
        ("# Tiny\nlicense: mit\n", "unknown"),
    ],
)
def test_the_licence_is_found_at_the_top_of_the_model_card(tmp_path, card, license_):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    (hf_dir / "README.md").write_text(card)

    folder = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out"))

    assert folder.manifest.source.license == license_


def test_chat_tokens_are_not_generable(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    tokenizer = tiny_tokenizer()
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 300, "content": "<U>"})
    write_json(hf_dir / "tokenizer.json", tokenizer)

    manifest = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out")).manifest

    assert manifest.num_generable_ids == 261


def test_a_llamas_manifest_is_understood_by_its_reader(tmp_path):
    folder = ModelFolder.read(export_quietly(write_tiny_llama(tmp_path / "hf"), tmp_path / "out"))
    folder.verify_files()

    manifest = folder.manifest
    weights = tiny_llama_tensors(TINY_LLAMA_CONFIG).values()
    assert manifest.source.num_parameters == sum(tensor.size for tensor in weights)
    assert manifest.source.num_active_parameters == manifest.source.num_parameters
    assert manifest.cache == GroupedLayout("gqa", 3, 2, 16, "float32")
    assert manifest.context_length == 16384


@pytest.mark.parametrize("name", ["<｜end▁of▁sentence｜>", "<|EOT|>"])
def test_the_end_of_text_ends_a_completion_and_not_the_end_of_a_turn(tmp_path, name):
    ids = {t["content"]: t["id"] for t in tiny_llama_tokenizer()["added_tokens"]}
    hf_dir = write_tiny_llama(tmp_path / "hf", eos_token_id=ids[name])

    manifest = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out")).manifest

    assert manifest.fim.bos == ids["<｜begin▁of▁sentence｜>"]
    assert manifest.fim.eos == ids["<｜end▁of▁sentence｜>"]
    assert manifest.num_generable_ids == ids["<｜fim▁end｜>"] + 1 == ids["<pad>"]


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("block_size", [16, 64])
def test_rounded_exports_run_and_stay_near(tiny_hf, tiny_fp32, tmp_path, precision, block_size):
    out_dir = export_quietly(tiny_hf, tmp_path / "out", ExportConfig(precision, block_size))
    token_ids = list(range(60))

    exact = Sequence(load_runner(tiny_fp32), 60).append(token_ids)
    rounded = Sequence(load_runner(out_dir), 60).append(token_ids)

    # The worst case: a random model, whose logits a few experts' gates decide.
    limit = {"int8": 0.97, "int4": 0.6}[precision]
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > limit
    assert (out_dir / "model.onnx.data").stat().st_size < (
        (tiny_fp32 / "model.onnx.data").stat().st_size / 2
    )


def test_random_weights_take_the_place_of_a_checkpoint(tiny_hf, tmp_path):
    source = MadeUp(tiny_hf / "config.json", num_layers=2, seed=5)
    for name in ("first", "second"):
        export(source, tmp_path / name, ExportConfig("int4"), Labels(), lambda *_: None)

    manifest = ModelFolder.read(tmp_path / "first").manifest
    assert manifest.architecture.num_hidden_layers == 2
    assert manifest.source.model == "random weights, seed 5"
    weights = [(tmp_path / name / "model.onnx.data").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]
    assert np.isfinite(Sequence(load_runner(tmp_path / "first"), 8).append([1, 2, 3])).all()


def test_random_weights_do_not_depend_on_how_they_are_read():
    shape = (300, 64)
    weight = RandomWeights(3).find("a.weight", shape)
    parts = [weight.rows(start, min(start + 7, 300)) for start in range(0, 300, 7)]

    assert (np.concatenate(parts) == weight.read()).all()
    assert (RandomWeights(4).find("a.weight", shape).read() != weight.read()).any()
    assert (RandomWeights(3).find("b.weight", shape).read() != weight.read()).any()
    assert weight.read().std() == pytest.approx(0.02, rel=0.05)
    assert len(np.unique(weight.read(), axis=0)) == 300


@pytest.mark.parametrize(
    ("config", "expert_block_size"),
    [
        (ExportConfig("int4"), 128),
        (ExportConfig("int8"), 32),
        (ExportConfig("int4", asked_expert_block_size=64), 64),
    ],
)
def test_the_manifest_tells_the_blocks_of_experts(tiny_hf, tmp_path, config, expert_block_size):
    manifest = ModelFolder.read(export_quietly(tiny_hf, tmp_path / "out", config)).manifest

    assert (manifest.block_size, manifest.expert_block_size) == (32, expert_block_size)


def test_a_folder_in_use_is_left_alone(tiny_hf, tmp_path):
    out_dir = tmp_path / "out"
    out_dir.mkdir()
    (out_dir / "notes.txt").write_text("mine")

    with pytest.raises(OutputError, match="exists already"):
        export_quietly(tiny_hf, out_dir)

    assert [path.name for path in out_dir.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_used(tiny_hf, tmp_path):
    (tmp_path / "out").mkdir()

    ModelFolder.read(export_quietly(tiny_hf, tmp_path / "out")).verify_files()


def test_a_place_that_cannot_be_written_is_named(tiny_hf, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="No folder can be made beside"):
        export_quietly(tiny_hf, tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, r"tokenizer\.json is missing; it is needed for encoding text"),
        ({"model": {"type": "BPE"}}, r"should hold a vocabulary under model\.vocab"),
        ({"added_tokens": []}, "has no fill-in-the-middle tokens that this exporter knows"),
        ({"added_tokens": [{"id": 3}]}, "added_tokens are malformed"),
    ],
)
def test_a_tokenizer_that_cannot_serve_is_refused(tmp_path, change, message):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    path = hf_dir / "tokenizer.json"
    if change is None:
        path.unlink()
    else:
        write_json(path, {**tiny_tokenizer(), **change})

    with pytest.raises(TokenizerError, match=message):
        export_quietly(hf_dir, tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    write_json(hf_dir / "config.json", {**TINY_CONFIG, "vocab_size": 128})

    with pytest.raises(
        ConfigError, match="uses ids up to 260, but the configuration sets vocab_size"
    ):
        export_quietly(hf_dir, tmp_path / "out")


@pytest.mark.parametrize("number", [0, 321])
def test_more_generable_ids_than_there_are_are_refused(tiny_hf, tmp_path, number):
    with pytest.raises(ConfigError, match=f"{number} ids cannot be generated from a vocabulary"):
        export_quietly(tiny_hf, tmp_path / "out", labels=Labels(num_generable_ids=number))


def test_the_embedded_model_is_what_its_manifest_says():
    folder = ModelFolder.read(REPOSITORY / "coder_lsp" / "models" / "mini")
    folder.verify_files()

    assert folder.size < 25_000_000
    assert folder.manifest.source.license == "MIT"
    assert json.loads(folder.tokenizer_path.read_text(encoding="utf-8"))["version"] == "1.0"
