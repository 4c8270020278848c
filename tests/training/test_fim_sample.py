from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

import coder_lsp.documents.document
from tests.support.tokens import text_of

TEXT = Path(coder_lsp.documents.document.__file__).read_text(encoding="utf-8")
ALWAYS_FIM = {"fim": 1.0, "anchor_at_line": 1.0, "anchor_above": 0.0}


@pytest.fixture
def make(sample_maker):
    def make_samples(max_tokens=256, text=TEXT, **shares):
        maker = replace(sample_maker, shares=replace(sample_maker.shares, **shares))
        for seed in range(150):
            random = Random(seed)
            offset = random.randrange(len(text) - 1)
            yield maker.make(text, offset, "python", max_tokens, random)

    return make_samples


@pytest.fixture
def parts(tokenizer, folder):
    fim = folder.manifest.fim

    def split(sample):
        """Return prefix, suffix and middle as text, the template around them checked."""
        assert sample[:2] == [fim.bos, fim.fim_begin]
        assert sample[-1] == fim.eos
        hole, end = sample.index(fim.fim_hole), sample.index(fim.fim_end)
        pieces = (sample[2:hole], sample[hole + 1 : end], sample[end + 1 : -1])
        return tuple(text_of(tokenizer, piece) for piece in pieces)

    return split


def test_prefix_middle_and_suffix_are_a_piece_of_the_document(make, parts):
    for sample in make(**ALWAYS_FIM):
        prefix, suffix, middle = parts(sample)

        assert prefix + middle + suffix in TEXT
        assert middle.strip()


@pytest.mark.parametrize("max_tokens", [64, 100, 1000])
def test_a_sample_keeps_to_its_room(make, max_tokens):
    assert max(len(sample) for sample in make(max_tokens)) <= max_tokens


def test_with_the_anchor_at_the_line_the_prefix_ends_with_a_whole_line(make, parts):
    for sample in make(**ALWAYS_FIM):
        prefix, _, _ = parts(sample)

        assert not prefix or prefix.endswith("\n")


def test_the_suffix_never_starts_with_what_closes_the_line(make, parts):
    for sample in make(**ALWAYS_FIM):
        _, suffix, _ = parts(sample)
        rest = suffix.partition("\n")[0]

        assert not rest or not coder_lsp.documents.document.is_closing_tail(rest)


def test_the_prompt_is_what_the_server_would_send(make, parts, encoder, folder):
    """Only the windows differ: the server has its own shares of prefix and suffix."""
    for sample in make(**ALWAYS_FIM):
        prefix, suffix, middle = parts(sample)
        fim = folder.manifest.fim
        ids = [encoder.encode(part) for part in (prefix, suffix, middle)]
        head = [fim.bos, fim.fim_begin, *ids[0], fim.fim_hole]

        assert sample == [*head, *ids[1], fim.fim_end, *ids[2], fim.eos]


def test_special_tokens_in_the_text_are_just_text(make, folder):
    fim = folder.manifest.fim
    text = "x = '<｜fim▁hole｜><｜fim▁end｜>'\ny = 2\n" * 20
    special = {fim.bos, fim.eos, fim.fim_begin, fim.fim_hole, fim.fim_end}

    for sample in make(text=text, **ALWAYS_FIM):
        assert sum(token_id in special for token_id in sample) == len(special)


def test_a_plain_document_ends_where_the_text_ends(make, folder, tokenizer):
    fim = folder.manifest.fim
    for sample in make(fim=0.0):
        assert sample[0] == fim.bos
        text = text_of(tokenizer, [i for i in sample[1:] if i != fim.eos])
        assert text in TEXT
        assert (sample[-1] == fim.eos) == TEXT.endswith(text)
