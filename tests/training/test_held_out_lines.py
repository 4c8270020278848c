"""Held-out lines: a cut document and its rest make the document again; exact is exact."""

from random import Random

import pytest

from coder_lsp.generation import GenerationChunk
from training.corpus.store import Corpus, write_corpus
from training.evaluate.held_out_lines import HeldOutLines, cut_line, held_out_lines

TEXT = "def add(a, b):\n    return a + b   \n\n\nclass Empty:\n    pass\n"


class Writer:
    """Writes what it was told: this is about what counts as exact."""

    model = "writer"
    is_instruct = False

    def __init__(self, text):
        self.text = text

    def stream(self, request, cancellation):
        yield GenerationChunk(self.text, finish_reason="stop")

    def forget(self, uri):
        pass


@pytest.mark.parametrize("seed", range(30))
def test_a_cut_line_and_its_rest_make_the_document(seed):
    cut = cut_line(TEXT, Random(seed))
    line = cut.text[: cut.offset].rpartition("\n")[2] + cut.rest

    assert cut.text[: cut.offset] + cut.rest + cut.text[cut.offset :] == TEXT
    assert line in (line.rstrip() for line in TEXT.split("\n"))
    assert len(cut.rest) >= 3


@pytest.mark.parametrize("text", ["", "\n\n", "a\n  b\n", "x = '" + "y" * 200 + "'\n"])
def test_what_has_no_line_to_cut(text):
    assert cut_line(text, Random(8)) is None


@pytest.mark.parametrize(
    ("written", "num_exact"), [("bcdefg", 1), ("bcdefg  ", 1), ("bcdef", 0), ("", 0)]
)
def test_exact_match(tmp_path, written, num_exact, monkeypatch):
    with write_corpus(tmp_path) as writer:
        writer.add("a.py", "a", "python", "train", "unseen = 1\n")
        writer.add("b.py", "b", "python", "held-out", "abcdefg\n")
    monkeypatch.setattr(Random, "randint", lambda self, low, high: 1)
    found = held_out_lines(Writer(written), Corpus(tmp_path), 5, 0)

    assert found == {"python": HeldOutLines(1, num_exact)}
