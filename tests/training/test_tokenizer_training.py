import pytest

from coder_lsp.tokenizer import Tokenizer
from tests.support.tokens import text_of
from training.corpus.store import Corpus, write_corpus
from training.tokenizer import SPECIAL_TOKENS, train_tokenizer

TEXT = "def total_of(values):\n    return sum(values) + 1234\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    with write_corpus(folder) as writer:
        writer.add("a.py", "package", "python", "train", TEXT * 50)
        writer.add("b.py", "package", "python", "held-out", "zyx_zyx_zyx = 1\n" * 500)
    mix = {"python": 0.9, "go": 0.1}
    train_tokenizer(Corpus(folder), mix, 400, 10_000, 1, folder / "tokenizer.json")
    return Tokenizer(folder / "tokenizer.json")


def check_tokens(tokenizer, text, expected):
    assert [text_of(tokenizer, [i]) for i in tokenizer.encode(text)] == expected


def test_the_special_tokens_come_first(trained):
    assert [trained.token_id(name) for name in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]


def test_words_take_a_blank_and_newlines_and_digits_stand_alone(trained):
    check_tokens(trained, "\ndef sum\n\n12", ["\n", "def", " sum", "\n", "\n", "1", "2"])


def test_any_text_comes_back(trained):
    text = "é🦀\t\r\n<｜fim▁hole｜>  x"

    assert b"".join(map(trained.token_bytes, trained.encode(text))) == text.encode()


def test_held_out_text_is_not_learnt_from(trained):
    check_tokens(trained, "zyx", ["z", "y", "x"])
