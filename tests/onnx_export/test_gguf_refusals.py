"""GGUF files that cannot become a model are refused by name, before anything is written."""

import json
import struct
import subprocess
import sys

import gguf
import numpy as np
import pytest
from click.testing import CliRunner
from gguf import GGMLQuantizationType as Kind

from onnx_export.cli import command
from onnx_export.config import ExportConfig
from onnx_export.errors import CheckpointError, ConfigError, ExportError, FimMissing, TokenizerError
from onnx_export.export import Labels, export
from onnx_export.gguf_file.header import read_header
from onnx_export.source import open_source
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_gguf import tiny_gguf
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2


@pytest.fixture
def content(tmp_path):
    """A Qwen2 file that a test may damage."""
    return tiny_gguf(write_tiny_qwen2(tmp_path / "hf"))


def check_refused(path, error, message, config=None):
    """Nothing is written, not even in part, and the error says what is wrong."""
    out_dir = path.parent / "out" / "model"

    with pytest.raises(error, match=message):
        export(open_source(path), out_dir, config or ExportConfig("int8"), Labels(), lambda _: None)

    assert not out_dir.parent.exists()


def check_change_refused(content, tmp_path, error, message):
    check_refused(content.write(tmp_path / "tiny.gguf"), error, message)


def test_an_unknown_architecture_is_refused(content, tmp_path):
    content.metadata["general.architecture"] = "gemma3"

    message = "general.architecture is 'gemma3'; this exporter knows deepseek2, llama, qwen2"
    check_change_refused(content, tmp_path, ConfigError, message)


def test_an_unknown_pre_tokenizer_is_refused(content, tmp_path):
    content.metadata["tokenizer.ggml.pre"] = "llama-bpe"

    message = (
        "tokenizer.ggml.pre is 'llama-bpe'; this exporter knows how deepseek-coder, deepseek-l"
    )
    check_change_refused(content, tmp_path, TokenizerError, message)


def test_a_tokenizer_that_is_no_byte_level_bpe_is_refused(content, tmp_path):
    content.metadata["tokenizer.ggml.model"] = "llama"

    message = "tokenizer.ggml.model is 'llama'; only byte-level BPE"
    check_change_refused(content, tmp_path, TokenizerError, message)


def test_a_model_without_fim_tokens_is_refused(content, tmp_path):
    tokens = content.metadata["tokenizer.ggml.tokens"]
    content.metadata["tokenizer.ggml.tokens"] = [t.replace("fim", "tool") for t in tokens]

    check_change_refused(
        content, tmp_path, FimMissing, "has no fill-in-the-middle tokens that this"
    )


@pytest.mark.parametrize(
    "name",
    [
        "qwen2.block_count",
        "qwen2.context_length",
        "qwen2.embedding_length",
        "qwen2.feed_forward_length",
        "qwen2.attention.head_count",
        "qwen2.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
    ],
)
def test_a_missing_metadata_field_is_named(content, tmp_path, name):
    del content.metadata[name]

    check_change_refused(content, tmp_path, ConfigError, f"the metadata field {name} ")


@pytest.mark.parametrize(
    "name",
    [
        "attention.kv_lora_rank",
        "rope.dimension_count",
        "expert_count",
        "expert_used_count",
        "expert_shared_count",
        "expert_feed_forward_length",
        "rope.scaling.factor",
        "rope.scaling.original_context_length",
    ],
)
def test_a_missing_field_of_deepseek2_is_named(tmp_path, name):
    content = tiny_gguf(write_tiny_checkpoint(tmp_path / "hf"))
    del content.metadata[f"deepseek2.{name}"]

    check_change_refused(content, tmp_path, ConfigError, f"the metadata field deepseek2.{name} is")


def test_a_field_of_another_type_is_named(content, tmp_path):
    content.metadata["qwen2.block_count"] = "three"

    message = r"the metadata field qwen2\.block_count must be of type int, found 'three'"
    check_change_refused(content, tmp_path, ConfigError, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention.q_lora_rank": 1536}, "q_lora_rank must be None and is 1536"),
        ({"expert_gating_func": 2}, "scoring_func must be 'softmax'"),
        ({"expert_weights_norm": True}, "norm_topk_prob must be False and is True"),
        ({"rope.scaling.type": "longrope"}, "'longrope' are not supported"),
    ],
)
def test_what_deepseek2_graphs_do_not_build_is_refused(tmp_path, changes, message):
    content = tiny_gguf(write_tiny_checkpoint(tmp_path / "hf"))
    content.metadata |= {f"deepseek2.{name}": value for name, value in changes.items()}

    check_change_refused(content, tmp_path, ConfigError, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expert_count": 8}, "Llama models with experts are not supported"),
        ({"rope.dimension_count": 8}, "rope.dimension_count must be 16, the width of a head"),
        ({"rope.scaling.type": "yarn"}, "'yarn' are not supported"),
    ],
)
def test_what_llama_graphs_do_not_build_is_refused(tmp_path, changes, message):
    content = tiny_gguf(write_tiny_llama(tmp_path / "hf"))
    content.metadata |= {f"llama.{name}": value for name, value in changes.items()}

    check_change_refused(content, tmp_path, ConfigError, message)


@pytest.mark.parametrize(
    "name", ["blk.1.attn_q_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias", "extra"]
)
def test_a_tensor_that_the_graph_would_leave_out_is_refused(content, tmp_path, name):
    content.tensors[name] = np.ones(16, np.float32)

    check_change_refused(
        content, tmp_path, CheckpointError, f"holds the tensor {name}, which is unk"
    )


def test_a_layer_too_many_is_refused(content, tmp_path):
    content.metadata["qwen2.block_count"] = 2

    check_change_refused(content, tmp_path, CheckpointError, "the metadata promises 2 layers")


def test_a_missing_tensor_is_named(content, tmp_path):
    del content.tensors["blk.1.attn_v.bias"]

    check_change_refused(
        content, tmp_path, CheckpointError, r"the tensor blk\.1\.attn_v\.bias is mis"
    )


def test_a_missing_embedding_is_named(content, tmp_path):
    del content.tensors["token_embd.weight"]

    check_change_refused(
        content, tmp_path, CheckpointError, r"the tensor token_embd\.weight is mis"
    )


def test_a_tensor_of_another_shape_is_named(content, tmp_path):
    content.tensors["blk.1.ffn_up.weight"] = np.zeros((96, 32), np.float32)

    message = r"blk\.1\.ffn_up\.weight should have the shape \(96, 64\) .* has \(96, 32\)"
    check_change_refused(content, tmp_path, CheckpointError, message)


def test_a_tensor_type_that_cannot_be_read_is_named(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf")
    # Of the same size as F32, and no weights.
    replace_type(path, "blk.1.ffn_up.weight", Kind.I32)

    message = r"the tensor blk\.1\.ffn_up\.weight has the type I32, which cannot be read"
    check_refused(path, CheckpointError, message)


def test_a_tensor_type_that_nobody_knows_is_named(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf")
    replace_type(path, "blk.1.ffn_up.weight", 999)

    message = r"the tensor blk\.1\.ffn_up\.weight has the type 999, which is not supported"
    check_refused(path, CheckpointError, message)


def replace_type(path, name, number):
    """Overwrite the type of a two-dimensional tensor in the header."""
    data = bytearray(path.read_bytes())
    place = data.index(name.encode()) + len(name) + 4 + 2 * 8
    data[place : place + 4] = struct.pack("<I", number)
    path.write_bytes(data)


@pytest.mark.parametrize("keep", [0, 3, 4, 7, 23, 24, 200, 3000, 20_000, -1])
def test_a_file_that_was_cut_off_is_refused(content, tmp_path, keep):
    path = content.write(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:keep])

    message = "cut off" if keep not in {0, 3} else "is no GGUF file"
    check_refused(path, CheckpointError, message)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip file", b"\x89HDF", bytes(100)])
def test_a_file_that_is_no_gguf_is_refused(tmp_path, data):
    (tmp_path / "model.gguf").write_bytes(data)

    check_refused(tmp_path / "model.gguf", CheckpointError, "is no GGUF file")


@pytest.mark.parametrize(
    ("version", "message"), [(1, "of version 1"), (9, "of version 9"), (3 << 24, "big-endian")]
)
def test_other_versions_are_refused(tmp_path, version, message):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, 0))

    check_refused(tmp_path / "model.gguf", CheckpointError, message)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


HUGE = 1 << 60
ARRAY, STRING, UINT32 = 9, 8, 4
HOSTILE = {
    "tensors": struct.pack("<QQ", HUGE, 0),
    "fields": struct.pack("<QQ", 0, HUGE),
    "a name": struct.pack("<QQ", 0, 1) + struct.pack("<Q", HUGE),
    "a text": struct.pack("<QQ", 0, 1) + text("a.b") + struct.pack("<IQ", STRING, HUGE),
    "numbers": struct.pack("<QQ", 0, 1) + text("a.b") + struct.pack("<IIQ", ARRAY, UINT32, HUGE),
    "texts": struct.pack("<QQ", 0, 1) + text("a.b") + struct.pack("<IIQ", ARRAY, STRING, HUGE),
    "arrays": struct.pack("<QQ", 0, 1) + text("a.b") + struct.pack("<IIQ", ARRAY, ARRAY, 3),
    "an unknown type": struct.pack("<QQ", 0, 1) + text("a.b") + struct.pack("<I", 77),
    "a field twice": struct.pack("<QQ", 0, 2) + 2 * (text("a.b") + struct.pack("<II", UINT32, 1)),
    "no UTF-8": struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2) + b"\xff\xfe",
    "dimensions": struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<I", 1 << 31),
    "a shape": struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<IQQIQ", 2, HUGE, HUGE, 0, 0),
    "no rows": struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<IQQIQ", 2, 32, 0, 0, 0),
    "half a block": struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<IQIQ", 1, 33, 8, 0),
    "a place": struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<IQIQ", 1, 1, 0, HUGE),
    "a tensor twice": struct.pack("<QQ", 2, 0) + 2 * (text("a") + struct.pack("<IQIQ", 1, 1, 0, 0)),
    "an alignment": struct.pack("<QQ", 0, 1)
    + text("general.alignment")
    + struct.pack("<II", UINT32, 0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_promises_too_much_is_refused(tmp_path, name):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 3) + HOSTILE[name] + bytes(4096))

    check_refused(path, CheckpointError, "(cut off|damaged)")


def test_a_hostile_header_takes_no_memory(tmp_path):
    """The file is as large as a model, so what it promises would fit into the file."""
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 1 << 27, 0) + bytes(100))
        file.truncate(16 << 30)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from onnx_export.gguf_file.header import read_header\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "read_header(Path(sys.argv[1]))"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )

    assert "CheckpointError" in finished.stderr
    assert "MemoryError" not in finished.stderr


def test_a_file_that_changes_while_it_is_read_is_refused(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf")
    source = open_source(path)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1

    def change(_):
        path.write_bytes(data)

    with pytest.raises(CheckpointError, match=r"tiny\.gguf changed while it was read"):
        export(source, tmp_path / "out", ExportConfig("int8"), Labels(), change)

    assert not (tmp_path / "out").exists()


def test_a_file_that_was_replaced_since_its_header_was_read_is_refused(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf")
    source = open_source(path)
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])

    with pytest.raises(CheckpointError, match="changed while it was read"):
        export(source, tmp_path / "out", ExportConfig("int8"), Labels(), lambda _: None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["blk.1.ffn_up.weight", "blk.0.attn_norm.weight"])
@pytest.mark.parametrize("precision", ["fp32", "int8", "keep"])
def test_a_weight_that_is_no_number_is_refused(content, tmp_path, value, name, precision):
    content.tensors[name].flat[3] = value
    path = content.write(tmp_path / "tiny.gguf")
    source = open_source(path)

    with pytest.raises(CheckpointError, match="not a finite number"):
        export(source, tmp_path / "out", ExportConfig(precision), Labels(), lambda _: None)

    assert not (tmp_path / "out").exists()


def test_a_kept_scale_that_is_no_number_is_refused(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf", Kind.Q8_0)
    tensor = {t.name: t for t in gguf.GGUFReader(path).tensors}["blk.1.ffn_up.weight"]
    data = bytearray(path.read_bytes())
    data[tensor.data_offset : tensor.data_offset + 2] = np.float16(np.nan).tobytes()
    path.write_bytes(data)

    with pytest.raises(CheckpointError, match=r"up_proj.*not a finite number"):
        export(open_source(path), tmp_path / "out", ExportConfig("keep"), Labels(), lambda _: None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer.ggml.token_type": [1, 1]}, "has 272 tokens and 2 token types"),
        ({"tokenizer.ggml.tokens": [1, 2]}, "must be a list of type str"),
        ({"tokenizer.ggml.eos_token_id": 272}, "uses ids up to 272"),
    ],
)
def test_a_damaged_tokenizer_is_refused(content, tmp_path, changes, message):
    # Without these names the end of text comes from the metadata.
    tokens = content.metadata["tokenizer.ggml.tokens"]
    renamed = ["<end>" if token == "<|endoftext|>" else token for token in tokens]
    content.metadata |= {"tokenizer.ggml.tokens": renamed, **changes}

    check_change_refused(content, tmp_path, ExportError, message)


def test_parts_of_a_split_model_that_do_not_belong_together_are_refused(content, tmp_path):
    content.metadata |= {"split.no": 0, "split.count": 2, "split.tensors.count": 99}
    first = content.write(tmp_path / "tiny-00001-of-00002.gguf")
    check_refused(first, CheckpointError, r"tiny-00002-of-00002\.gguf is missing")

    second = tmp_path / "tiny-00002-of-00002.gguf"
    second.write_bytes(first.read_bytes())
    check_refused(first, CheckpointError, r"00002-of-00002\.gguf is not part 2 of the model")

    content.metadata["split.no"] = 1
    content.write(second)
    check_refused(first, CheckpointError, "is in another part of the model too")

    name = next(iter(content.tensors))
    content.tensors = {"more": content.tensors[name]}
    content.write(second)
    check_refused(first, CheckpointError, "should hold 99")

    (tmp_path / "model.gguf").write_bytes(first.read_bytes())
    check_refused(
        tmp_path / "model.gguf", CheckpointError, "whose names must end in -00001-of-00002"
    )
    (tmp_path / "out").mkdir()


def test_a_folder_that_holds_a_file_says_which_one_to_name(content, tmp_path):
    (tmp_path / "models").mkdir()
    content.write(tmp_path / "models" / "tiny.gguf")

    check_refused(tmp_path / "models", ConfigError, r"it holds tiny\.gguf\. Name that file")


def test_the_command_says_what_is_wrong_and_fails(content, tmp_path):
    content.metadata["general.architecture"] = "gemma3"
    path = content.write(tmp_path / "tiny.gguf")
    arguments = [str(path), str(tmp_path / "out"), "--progress", "json"]

    for options in ([], ["--check"]):
        result = CliRunner().invoke(command, [*arguments, *options])
        assert result.exit_code == 1
        assert "'gemma3'" in json.loads(result.output)["message"]
    inspected = CliRunner().invoke(command, [str(path), "--inspect", "--json"])
    assert inspected.exit_code == 1
    assert "'gemma3'" in json.loads(inspected.output)["message"]
    assert not (tmp_path / "out").exists()


def test_a_header_is_read_without_reading_the_weights(content, tmp_path):
    path = content.write(tmp_path / "tiny.gguf")

    header = read_header(path)

    expected = gguf.GGUFReader(path)
    assert {t.name: (t.kind, t.offset, t.nbytes) for t in header.tensors} == {
        t.name: (t.tensor_type, t.data_offset, t.n_bytes) for t in expected.tensors
    }
    found = {name: header.metadata[name] for name in header.metadata}
    assert found == {
        name: field.contents() for name, field in expected.fields.items() if "GGUF." not in name
    }
