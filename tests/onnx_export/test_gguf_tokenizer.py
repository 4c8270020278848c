"""The ``tokenizer.json`` built from a GGUF file gives the ids of the original one."""

import json
import os
from pathlib import Path

import gguf
import pytest

from bench.gguf import write_gguf
from coder_lsp.tokenizer import Tokenizer
from onnx_export.checkpoint import Checkpoint
from onnx_export.config import CONFIG_NAME
from onnx_export.deepseek_v2_config import read_deepseek_v2_config
from onnx_export.errors import TokenizerError
from onnx_export.gguf_file.metadata import Metadata
from onnx_export.gguf_file.tokenizer import tokenizer_of
from onnx_export.random_weights import RandomWeights
from onnx_export.source import open_source
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_gguf import tokenizer_metadata
from testing.tiny_qwen2 import TINY_QWEN2_CONFIG, tiny_qwen2_tokenizer
from tests.onnx_export.conftest import REPOSITORY
from tests.onnx_export.test_gguf_export import export_file

FOLDERS = ("coder_lsp", "onnx_export", "editors", "bench/sources", "bench/traces")
SUFFIXES = {".py", ".ts", ".lua", ".el", ".go", ".rs", ".md", ".json", ".toml", ".html"}
OTHERS = (
    "e\u0301 caf\u00e9 \u212b \u017f's 'S\n",
    "\ufeffx \u2028 \x0b \x0c \x85 \u3000\u00a0 x  \n\n\t\n",
    "\uff11\uff12 \u0663\u0664 \u2163\u00bd 12345 3.14e-5\r\n",
    "\U0001f642\u200d x \u65e5\u672c\u8a9e\ud55c\uad6d\uc5b4 \u0928\u092e\u0938\u094d\u0924\u0947",
    "<\uff5cfim\u2581hole\uff5c> <|fim_middle|> <|im_end|> \u00fc\u00f6\u00e4\u00df \u00c0\u00ff",
)


def texts():
    for folder in FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            is_built = {"node_modules", "dist", "out"} & set(path.parts)
            if path.suffix in SUFFIXES and not is_built and path.stat().st_size < 100_000:
                yield path.read_text(encoding="utf-8")
    yield from OTHERS


def built(tmp_path, document, pre, **fields):
    """Return the tokenizer made of the metadata that llama.cpp's converter would write."""
    known = {
        **document["model"]["vocab"],
        **{t["content"]: t["id"] for t in document["added_tokens"]},
    }
    config = {"vocab_size": max(known.values()) + 8, "bos_token_id": 0, "eos_token_id": 1}
    metadata = {**tokenizer_metadata(document, pre, config), **fields}
    path = tmp_path / "built.json"
    path.write_bytes(tokenizer_of(Metadata(tmp_path / "x.gguf", metadata, "llama")).content)
    return Tokenizer(path)


def check_same_ids(found, expected, samples):
    lines = [line for text in samples for line in text.splitlines(keepends=True)]
    # Single lines from everywhere, and pages whose lines have neighbours.
    pages = ["".join(lines[i : i + 40]) for i in range(0, len(lines), 400)]
    for piece in (*lines[::9], *pages, *lines[-20:]):
        assert found.encode(piece) == expected.encode(piece), piece
    assert len(lines[::9]) > 1000


def shared_tokenizer(name):
    folder = Path(os.environ.get("CODER_LSP_TOKENIZERS", REPOSITORY / "../shared/tokenizers"))
    if not (folder / name).is_dir():
        pytest.skip(f"CODER_LSP_TOKENIZERS: there is no {folder / name}.")
    return folder / name / "tokenizer.json"


@pytest.mark.parametrize(
    ("name", "pre"),
    [
        ("deepseek-coder-v2-lite-derived", "deepseek-llm"),
        ("deepseek-coder-v1-reconstructed", "deepseek-coder"),
    ],
)
def test_deepseeks_tokenizers_are_the_original_ones(tmp_path, name, pre):
    path = shared_tokenizer(name)
    document = json.loads(path.read_text(encoding="utf-8"))

    check_same_ids(built(tmp_path, document, pre), Tokenizer(path), texts())


def test_mini_splits_ascii_as_llama_cpps_name_for_it_says(tmp_path):
    path = REPOSITORY / "coder_lsp/models/mini/tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    samples = (text for text in texts() if text.isascii())

    check_same_ids(built(tmp_path, document, "deepseek-llm"), Tokenizer(path), samples)


def test_a_file_of_ours_holds_the_whole_tokenizer_of_mini(tmp_path):
    """By name alone, mini's splits beyond ASCII would be lost."""
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    config = json.loads((hf_dir / CONFIG_NAME).read_text()) | {"vocab_size": 8192}
    (hf_dir / CONFIG_NAME).write_text(json.dumps(config))
    path = REPOSITORY / "coder_lsp/models/mini/tokenizer.json"
    gguf_path = tmp_path / "mini.gguf"

    config = read_deepseek_v2_config(hf_dir / CONFIG_NAME)
    write_gguf(gguf_path, "mini", config, RandomWeights(0), path, "q8_0")

    content = open_source(gguf_path).read_tokenizer().content
    assert content == path.read_bytes()


def test_a_kept_tokenizer_that_disagrees_with_the_list_of_tokens_is_refused(tmp_path):
    document = tiny_qwen2_tokenizer()
    other = {**document, "model": {**document["model"], "vocab": {"a": 3}}}

    with pytest.raises(TokenizerError, match=r"tokenizer\.huggingface\.json calls the token 3 'a'"):
        built(tmp_path, document, "qwen2", **{"tokenizer.huggingface.json": json.dumps(other)})


def test_tokens_named_by_id_are_a_fim_template_whatever_they_are_called(tmp_path):
    document = tiny_qwen2_tokenizer()
    for token in document["added_tokens"]:
        token["content"] = token["content"].replace("fim_", "MY-")
    metadata = tokenizer_metadata(document, "qwen2", TINY_QWEN2_CONFIG)
    ids = {text: i for i, text in enumerate(metadata["tokenizer.ggml.tokens"])}
    metadata |= {
        "tokenizer.ggml.fim_pre_token_id": ids["<|MY-prefix|>"],
        "tokenizer.ggml.fim_suf_token_id": ids["<|MY-suffix|>"],
        "tokenizer.ggml.middle_token_id": ids["<|MY-middle|>"],
    }

    file = tokenizer_of(Metadata(tmp_path / "x.gguf", metadata, "qwen2"))

    assert file.tokens.names == ("<|MY-prefix|>", "<|MY-suffix|>", "<|MY-middle|>")
    assert (file.fim_begin, file.fim_hole, file.fim_end) == (259, 261, 260)
    assert file.tokens.begin_of_text is None
    metadata["tokenizer.ggml.add_bos_token"] = True
    file = tokenizer_of(Metadata(tmp_path / "x.gguf", metadata, "qwen2"))
    assert file.tokens.begin_of_text == "<|endoftext|>"


def test_added_tokens_that_a_converter_calls_normal_are_no_text(tmp_path):
    document = tiny_qwen2_tokenizer()
    metadata = tokenizer_metadata(document, "qwen2", TINY_QWEN2_CONFIG)
    types = [1 if kind in {3, 4} else kind for kind in metadata["tokenizer.ggml.token_type"]]

    path = tmp_path / "built.json"
    fields = {**metadata, "tokenizer.ggml.token_type": types}
    # U+FF5C is no byte's glyph; ASCII names are, and nothing merges to them.
    fields["tokenizer.ggml.tokens"] = [
        text.replace("|", "\uff5c") if text.startswith("<|im") else text
        for text in metadata["tokenizer.ggml.tokens"]
    ]
    path.write_bytes(tokenizer_of(Metadata(tmp_path / "x.gguf", fields, "qwen2")).content)

    tokenizer = Tokenizer(path)
    assert tokenizer.token_id("<\uff5cim_end\uff5c>") == 258
    assert 258 not in tokenizer.encode("<\uff5cim_end\uff5c>")
    assert text_of(tokenizer, tokenizer.encode("<|fim_middle|> ü")) == "<|fim_middle|> ü"


def text_of(tokenizer, token_ids):
    return b"".join(map(tokenizer.token_bytes, token_ids)).decode()


def test_mini_in_float32_becomes_the_checkpoints_folder_bit_for_bit(mini_hf, mini_fp32, tmp_path):
    path = tmp_path / "mini.gguf"
    with Checkpoint(mini_hf) as weights:
        config = read_deepseek_v2_config(mini_hf / CONFIG_NAME)
        write_gguf(path, "mini", config, weights, mini_hf / "tokenizer.json", "f32")

    found = export_file(path, tmp_path / "out")

    for name in ("model.onnx", "model.onnx.data", "tokenizer.json"):
        assert (found / name).read_bytes() == (mini_fp32 / name).read_bytes(), name
    assert gguf.GGUFReader(path).fields["tokenizer.ggml.pre"].contents() == "deepseek-llm"
