"""Where the text of a generation ends: before a control token, whatever its id is."""

import pytest

from coder_lsp.engine.decoding.detokenizer import Detokenizer
from coder_lsp.engine.decoding.sampler import SampledToken
from coder_lsp.engine.decoding.text_chunks import text_chunks
from coder_lsp.generation import GenerationUsage
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(embedded_model_path() / "tokenizer.json")


def written(tokenizer, token_ids, end_ids, stop_strings=()):
    tokens = (SampledToken(i, -1.0) for i in token_ids)
    chunks = list(
        text_chunks(
            tokens, Detokenizer(tokenizer, 0), end_ids, stop_strings, GenerationUsage(), None
        )
    )
    return "".join(chunk.text for chunk in chunks), chunks[-1].finish_reason


@pytest.mark.parametrize("name", ["<｜end▁of▁sentence｜>", "<｜fim▁hole｜>", "<｜fim▁begin｜>"])
def test_a_control_token_ends_the_text_before_it(tokenizer, name):
    ids = tokenizer.encode("x = 1")
    control_id = tokenizer.token_id(name)

    text = written(
        tokenizer,
        [*ids, control_id, *tokenizer.encode("more")],
        frozenset(tokenizer.control_tokens.values()),
    )

    assert text == ("x = 1", "stop")


def test_a_control_token_that_is_spelled_out_ends_the_text_before_it(tokenizer):
    ids = tokenizer.encode("x = 1<|im_end|>\nuser")

    assert written(tokenizer, ids, frozenset(), ("<|im_end|>",)) == ("x = 1", "stop")
