import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.engine.decoding.detokenizer import Detokenizer
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(ModelFolder.read(embedded_model_path()).tokenizer_path)


def check_pieces(tokenizer, text):
    detokenizer = Detokenizer(tokenizer)
    pieces = [detokenizer.add(i) for i in tokenizer.encode(text)]

    assert "".join(pieces) == text.replace("�", "")


@pytest.mark.parametrize(
    "text", ["", "a � b", "def f():\n    return 1\n", "naïve 日本語 👩‍👩‍👧 e\u0301", "\t\r\n\f\x85"]
)
def test_pieces_are_whole_characters(tokenizer, text):
    check_pieces(tokenizer, text)


@given(text=st.text(max_size=60))
def test_any_text_survives(tokenizer, text):
    check_pieces(tokenizer, text)


def test_bytes_that_are_no_character_are_left_out(tokenizer):
    lone = next(i for i in range(8192) if tokenizer.token_bytes(i) == b"\x80")
    first = next(i for i in range(8192) if tokenizer.token_bytes(i) == b"\xe6")
    (letter,) = tokenizer.encode("a")
    detokenizer = Detokenizer(tokenizer)

    assert [detokenizer.add(i) for i in (letter, lone, first, letter)] == ["a", "", "", "a"]


@pytest.mark.parametrize("text", ["日本語", "Привет", "مرحبا", "👩‍👩‍👧"])
def test_a_text_that_is_cut_between_any_two_tokens_has_whole_characters(tokenizer, text):
    token_ids = tokenizer.encode(text)
    for length in range(len(token_ids) + 1):
        detokenizer = Detokenizer(tokenizer)

        assert text.startswith("".join(map(detokenizer.add, token_ids[:length])))
