"""The traps of DeepSeek-Coder v1's tokenizer, in a small one of the same shape."""

import pytest

from coder_lsp.tokenizer import Tokenizer
from testing.tiny_checkpoint import FIM_TOKENS, write_json
from testing.tiny_llama import ADDED_TOKENS, LETTERS, tiny_llama_tokenizer
from tests.support.tokens import text_of


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("v1") / "tokenizer.json"
    write_json(path, tiny_llama_tokenizer())
    return Tokenizer(path)


@pytest.mark.parametrize("content", ADDED_TOKENS)
def test_an_added_token_in_a_text_is_text(tokenizer, content):
    text = f"a{content}b"
    token_ids = tokenizer.encode(text)

    assert tokenizer.token_id(content) not in token_ids
    assert text_of(tokenizer, token_ids) == text


@pytest.mark.parametrize("letter", LETTERS)
def test_a_generated_letter_is_that_letter_and_no_broken_byte(tokenizer, letter):
    assert text_of(tokenizer, [tokenizer.token_id(letter)]) == letter


def test_the_fim_tokens_are_found_behind_the_vocabulary(tokenizer):
    assert [tokenizer.token_id(name) for name in FIM_TOKENS] == [258, 259, 260]


def test_control_tokens_are_known_by_their_names_and_letters_are_none(tokenizer):
    assert set(FIM_TOKENS) <= set(tokenizer.control_tokens)
    assert set(LETTERS).isdisjoint(tokenizer.control_tokens)
