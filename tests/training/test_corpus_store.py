import pytest

from training.corpus.store import Corpus, write_corpus
from training.errors import TrainingError


def test_texts_come_back_as_they_were(tmp_path):
    texts = ["def f():\n    return 'é'\n", "x = '🦀'\n"]
    with write_corpus(tmp_path) as writer:
        for number, text in enumerate(texts):
            writer.add(f"{number}.py", "package", "python", "train", text)
    corpus = Corpus(tmp_path)

    assert [corpus.text(file) for file in corpus.files] == texts


def test_a_corpus_that_was_not_finished_is_none(tmp_path):
    def write_half():
        with write_corpus(tmp_path) as writer:
            writer.add("a.py", "package", "python", "train", "x = 1\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    with pytest.raises(TrainingError, match="holds no corpus"):
        Corpus(tmp_path)
