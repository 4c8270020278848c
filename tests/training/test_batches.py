from itertools import islice
from random import Random

import numpy as np
import pytest

from training.corpus.store import Corpus, write_corpus
from training.data.batches import IGNORED, BatchMaker, Position, ahead
from training.data.document_order import DocumentOrder, mix_for_use, order_by_source
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
            writer.add(f"a{number}.py", "algorithms", language, "algorithms", text)
            writer.add(f"h{number}.py", "held-out", language, "held-out", text)
    return Corpus(folder)


@pytest.fixture
def batch_maker(corpus, sample_maker):
    orders = order_by_source(corpus, "train", ["python", "go"], seed=7)
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


def broken_after(batches, count):
    yield from islice(batches, count)
    raise OSError("the disk is gone")


def test_a_failure_in_making_batches_reaches_the_trainer_after_the_batches_before_it(batch_maker):
    made = ahead(broken_after(batch_maker.batches(Position(0, {}), 2), 3))

    assert len(list(islice(made, 3))) == 3
    with pytest.raises(OSError, match="the disk is gone"):
        next(made)


def test_batches_that_end_end_for_the_trainer_too(batch_maker):
    assert len(list(ahead(islice(batch_maker.batches(Position(0, {}), 2), 3)))) == 3


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
    files = [f for f in corpus.files if f.language == "go" and f.use == "train"]
    order = DocumentOrder(files, "seed")
    num_pieces = sum(-(-f.length // 3000) for f in files)
    rounds = [[order.piece(n + r * num_pieces) for n in range(num_pieces)] for r in range(2)]

    assert len(set(rounds[0])) == num_pieces
    assert set(rounds[0]) == set(rounds[1])
    assert rounds[0] != rounds[1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("rust", "no rust for 'train'"),
        ("rust/algorithms", "no rust for 'algorithms'"),
        ("python/held-out", "what is held out measures"),
    ],
)
def test_a_source_that_cannot_be_drawn_from_is_named(corpus, source, message):
    with pytest.raises(TrainingError, match=message):
        order_by_source(corpus, "train", [source], seed=1)


def check_packages(order, expected):
    assert {order.piece(number)[0].package for number in range(40)} == {expected}


def test_a_source_with_a_use_of_its_own_draws_from_that_use_alone(corpus):
    orders = order_by_source(corpus, "train", ["python", "python/algorithms"], seed=1)

    check_packages(orders["python"], "package")
    check_packages(orders["python/algorithms"], "algorithms")


@pytest.mark.parametrize(
    ("use", "sources"),
    [("train", {"python", "python/algorithms"}), ("held-out", {"python"})],
)
def test_what_is_held_out_is_drawn_by_language(corpus, use, sources):
    mix = {"python": 0.5, "python/algorithms": 0.3, "rust": 0.2}

    assert mix_for_use(corpus, mix, use).keys() == sources
