import json

import pytest

from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer
from testing.tiny_checkpoint import tiny_tokenizer
from tests.support.tokens import text_of

FIM_NAMES = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜begin▁of▁sentence｜>")


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(ModelFolder.read(embedded_model_path()).tokenizer_path)


@pytest.mark.parametrize("name", FIM_NAMES)
def test_a_literal_fim_token_is_just_text(tokenizer, name):
    token_ids = tokenizer.encode(f"a {name} b")

    assert tokenizer.token_id(name) is not None
    assert tokenizer.token_id(name) not in token_ids
    assert text_of(tokenizer, token_ids) == f"a {name} b"


def test_a_newline_is_a_token_of_its_own(tokenizer):
    (newline,) = tokenizer.encode("\n")

    assert tokenizer.encode("\n\n\n") == [newline] * 3
    assert tokenizer.encode("a\n  b").count(newline) == 1


def test_unknown_names_have_no_id(tokenizer):
    assert tokenizer.token_id("<|fim_begin|>") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"decoder": null}', b'{"decoder": {"type": "ByteLevel"}}'],
)
def test_what_is_no_tokenizer_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)

    with pytest.raises(ModelFolderError, match=r"tokenizer\.json"):
        Tokenizer(path)


def change_added(document):
    document["added_tokens"] = [{"id": 0}]


def change_added_id(document):
    document["added_tokens"][0]["id"] = "first"


def change_added_kind(document):
    document["added_tokens"] = [7]


def change_vocabulary(document):
    document["model"]["vocab"]["日本"] = 8191


def change_merges(document):
    document["model"]["merges"] = "none"


def change_decoder(document):
    document["decoder"] = ["ByteLevel"]


@pytest.mark.parametrize(
    "change",
    [
        change_added,
        change_added_id,
        change_added_kind,
        change_vocabulary,
        change_merges,
        change_decoder,
    ],
)
def test_a_tokenizer_with_a_part_that_is_odd_is_refused_with_its_path(tmp_path, change):
    document = json.loads(ModelFolder.read(embedded_model_path()).tokenizer_path.read_bytes())
    change(document)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(ModelFolderError, match=r"tokenizer\.json"):
        Tokenizer(path)


def test_a_missing_tokenizer_is_refused(tmp_path):
    with pytest.raises(ModelFolderError, match="again"):
        Tokenizer(tmp_path / "tokenizer.json")


def test_letters_among_the_added_tokens_stay_letters(tokenizer, tmp_path):
    """DeepSeek-Coder v1 lists thirteen letters such as ü as added tokens."""
    source = ModelFolder.read(embedded_model_path()).tokenizer_path
    document = json.loads(source.read_text(encoding="utf-8"))
    document["added_tokens"].append({**document["added_tokens"][-1], "id": 8192, "content": "ü"})
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    assert Tokenizer(path).encode("für") == tokenizer.encode("für")
    assert Tokenizer(path).token_id("ü") == 8192


def test_tokens_spell_the_text_also_where_a_tokenizer_would_compose_accents(tmp_path):
    document = tiny_tokenizer() | {"normalizer": {"type": "NFC"}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    tokenizer, text = Tokenizer(tmp_path / "tokenizer.json"), "cafe\u0301 \u212b"

    assert text_of(tokenizer, tokenizer.encode(text)) == text
