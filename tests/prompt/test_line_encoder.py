import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.prompt.line_encoder import LineEncoder, lines_of
from coder_lsp.tokenizer import Tokenizer
from testing.tiny_qwen2 import tiny_qwen2_tokenizer

CODE = "def f(x):\n    return [1,  2]   \n\n\n\tif x :\n  # naïve 日本 \n    \n"


# Newlines joined with each other, with blanks and with punctuation, as Qwen's vocabulary has them.
JOINED = ("Ċ Ċ", "ĊĊ Ċ", "ĊĊ ĊĊ", ": Ċ", ":Ċ Ċ", ": ĊĊ", "( Ċ", ") :", "): Ċ", "): ĊĊ", "Ġ Ġ",
          "Ġ Ċ", "ĠĠ Ċ", "Ċ Ġ", "ĊĠ Ċ", "Ċ ĠĠ", "ĉ Ċ", "Ġ a", "Ġ (", "č Ċ")  # fmt: skip


@pytest.fixture(scope="session")
def joining_tokenizer(tmp_path_factory):
    document = tiny_qwen2_tokenizer()
    known = files("onnx_export.gguf_file").joinpath("pre_tokenizers.json")
    document["pre_tokenizer"] = json.loads(known.read_text(encoding="utf-8"))["qwen2"]
    vocabulary = document["model"]["vocab"]
    document["added_tokens"] = []
    for pair in JOINED:
        vocabulary.setdefault(pair.replace(" ", ""), len(vocabulary))
    document["model"]["merges"] = [pair.split(" ") for pair in JOINED]
    path = tmp_path_factory.mktemp("joining") / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return Tokenizer(path)


@pytest.mark.parametrize("text", ["a:\n\n\nb", "\n\na", "a\n  \n\n    b\n", "a\n\n\n\n"])
def test_newlines_that_a_tokenizer_joins_stay_together(joining_tokenizer, text):
    assert LineEncoder(joining_tokenizer).encode(text) == joining_tokenizer.encode(text)
    by_line = [i for line in text.splitlines(keepends=True) for i in joining_tokenizer.encode(line)]
    assert len(by_line) > len(joining_tokenizer.encode(text))


@given(text=st.text(alphabet=st.sampled_from(list("ab1 \t\n\n.:()é日👍")), max_size=60))
def test_any_text_encodes_as_the_whole_does_where_newlines_are_joined(joining_tokenizer, text):
    assert LineEncoder(joining_tokenizer).encode(text) == joining_tokenizer.encode(text)


@pytest.mark.parametrize("text", ["", "\n", "a", CODE, CODE.replace("\n", " \n\n")])
def test_lines_encode_as_the_whole_does(encoder, tokenizer, text):
    assert encoder.encode(text) == tokenizer.encode(text)


@given(text=st.text(alphabet=st.sampled_from(list("ab1 \t\n.(é日👍")), max_size=60))
def test_any_text_encodes_as_the_whole_does(tokenizer, text):
    assert LineEncoder(tokenizer).encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("a\r\nb\rc", ["a\n", "b\n", "c"]),
        ("a\x0cb\x85c\u2028d\n", ["a\x0cb\x85c\u2028d\n"]),
    ],
)
def test_lines_end_where_those_of_lsp_do(text, lines):
    assert lines_of(text) == lines


def test_the_memory_is_bounded(tokenizer):
    encoder = LineEncoder(tokenizer, capacity=2)

    for text in ("a\n", "b\n", "a\n", "c\n", "a\n", "b\n"):
        assert encoder.encode(text) == tokenizer.encode(text)
    assert len(encoder._lines) == 2
