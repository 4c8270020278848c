import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.prompt.line_encoder import LineEncoder, lines_of

CODE = "def f(x):\n    return [1,  2]   \n\n\n\tif x :\n  # naïve 日本 \n    \n"


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
