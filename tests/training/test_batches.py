from itertools import islice
from random import Random

import numpy as np
import pytest

from training.corpus.store import Corpus, write_corpus
from training.data.batches import IGNORED, BatchMaker, Position, ahead
from training.data.document_order import DocumentOrder, order_by_language
from training.errors import TrainingError


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    with write_corpus(folder) as writer:
        for number in range(30):
            random = Random(number)
            body = "".join(f"    x{i} = f({random.randrange(99)})\n" for i in range(9 * number + 9))
            text = f"def f{number}():\n{body}"
            language = ("python", "go")[number % 2]
            writer.add(f"{number}.py", "package", language, "train", text)
    return Corpus(folder)


@pytest.fixture
def batch_maker(corpus, sample_maker):
    orders = order_by_language(corpus, "train", ["python", "go"], seed=7)
    mix = {"python": 0.7, "go": 0.3}
    return BatchMaker(corpus, orders, mix, sample_maker, row_length=128, seed=7)


def check_same(left, right):
    assert left.position == right.position
    assert np.array_equal(left.token_ids, right.token_ids)
    assert np.array_equal(left.targets, right.targets)


def test_a_position_gives_the_same_batches_again(batch_maker):
    batches = list(islice(batch_maker.batches(Position(0, {}), 4), 8))
    again = batch_maker.batches(batches[2].position, 4)

    for batch, same in zip(batches[3:], again, strict=False):
        check_same(batch, same)


def test_batches_made_ahead_come_in_order(batch_maker):
    made = islice(ahead(batch_maker.batches(Position(0, {}), 4)), 6)

    for batch, same in zip(made, batch_maker.batches(Position(0, {}), 4), strict=False):
        check_same(batch, same)


def test_targets_are_the_next_tokens_and_padding_costs_nothing(batch_maker, folder):
    batch = next(batch_maker.batches(Position(0, {}), 8))
    drawn = {}
    rows = [batch_maker._row(number, drawn) for number in range(8)]

    assert drawn == batch.position.drawn
    assert batch.num_tokens == sum(len(row) - 1 for row in rows)
    for row, token_ids, targets in zip(rows, batch.token_ids, batch.targets, strict=True):
        learnt = len(row) - 1
        assert row[0] == folder.manifest.fim.bos
        assert token_ids[:learnt].tolist() == row[:-1]
        assert targets[:learnt].tolist() == row[1:]
        assert (targets[learnt:] == IGNORED).all()
        assert (token_ids[learnt + 1 :] == folder.manifest.fim.eos).all()


def test_every_piece_is_drawn_once_before_any_is_drawn_again(corpus):
    order = DocumentOrder([f for f in corpus.files if f.language == "go"], "seed")
    num_pieces = sum(-(-f.length // 3000) for f in corpus.files if f.language == "go")
    rounds = [[order.piece(n + r * num_pieces) for n in range(num_pieces)] for r in range(2)]

    assert len(set(rounds[0])) == num_pieces
    assert set(rounds[0]) == set(rounds[1])
    assert rounds[0] != rounds[1]


def test_a_language_without_documents_is_named(corpus):
    with pytest.raises(TrainingError, match="no rust for 'train'"):
        order_by_language(corpus, "train", ["rust"], seed=1)
