import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer

FIRST_TEXT_ID = 5


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(ModelFolder.read(embedded_model_path()).tokenizer_path)


@pytest.fixture(scope="module")
def vocabulary(tokenizer):
    return Vocabulary(tokenizer, range(FIRST_TEXT_ID, 8192))


def check_compatible(tokenizer, vocabulary, forced):
    texts = {i: tokenizer.token_bytes(i) for i in range(FIRST_TEXT_ID, 8192)}
    expected = {i for i, t in texts.items() if t.startswith(forced) or forced.startswith(t)}

    found = vocabulary.compatible(forced)
    assert len(found) == len(set(found.tolist()))
    assert set(found.tolist()) == expected


@pytest.mark.parametrize(
    "forced", ["r", "retur", " return", "        ", "é", "日", "👍", "(", "zq"]
)
def test_tokens_that_begin_with_the_text_or_that_it_begins_with(tokenizer, vocabulary, forced):
    check_compatible(tokenizer, vocabulary, forced.encode())


@given(forced=st.text(min_size=1, max_size=12), seed=st.integers(0, 9))
def test_whatever_is_chosen_the_text_comes_out(tokenizer, vocabulary, forced, seed):
    """A character of several bytes may be spread over tokens, and the last may say more."""
    random = np.random.default_rng(seed)
    text, constraint = b"", ForcedText(vocabulary, tokenizer, forced.encode())
    while (allowed := constraint.allowed_ids()) is not None:
        token_id = int(random.choice(allowed))
        constraint.advance(token_id)
        text += tokenizer.token_bytes(token_id)

    assert text.startswith(forced.encode())


def test_nothing_forced_leaves_the_model_free(tokenizer, vocabulary):
    assert ForcedText(vocabulary, tokenizer, b"").allowed_ids() is None
