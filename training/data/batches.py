"""Batches of rows, each row a few whole samples, and the position after each batch."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from training.corpus.store import Corpus
from training.data.document_order import PIECE_LENGTH, DocumentOrder
from training.fim_transform.sample import SampleMaker, first_offset

IGNORED = -100
"""The target of padding at the end of a row. It adds nothing to the loss."""
_LEAST_ROOM = 64
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Position:
    """How much of the data was read: rows made, and pieces drawn of each source."""

    rows: int
    drawn: dict[str, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """``token_ids`` and ``targets`` are [rows, length]. The next batch begins at ``position``."""

    token_ids: NDArray[np.int64]
    targets: NDArray[np.int64]
    num_tokens: int
    position: Position


class BatchMaker:
    """Makes batches. From the same position it always makes the same ones."""

    def __init__(
        self,
        corpus: Corpus,
        orders: dict[str, DocumentOrder],
        mix: dict[str, float],
        maker: SampleMaker,
        row_length: int,
        seed: int,
    ) -> None:
        self._corpus = corpus
        self._orders = orders
        self._mix = mix
        self._maker = maker
        self._row_length = row_length
        self._seed = seed

    def batches(self, position: Position, num_rows: int) -> Iterator[Batch]:
        """Yield batches without end, beginning at the position."""
        drawn = dict(position.drawn)
        row = position.rows
        while True:
            rows = [self._row(row + i, drawn) for i in range(num_rows)]
            row += num_rows
            yield self._batch(rows, Position(row, dict(drawn)))

    def _batch(self, rows: list[list[int]], position: Position) -> Batch:
        eos = self._maker.template.eos
        length = self._row_length + 1
        padded = np.array([r + [eos] * (length - len(r)) for r in rows], dtype=np.int64)
        targets = padded[:, 1:].copy()
        for target, row in zip(targets, rows, strict=True):
            target[len(row) - 1 :] = IGNORED
        num_tokens = int((targets != IGNORED).sum())
        return Batch(padded[:, :-1], targets, num_tokens, position)

    def _row(self, number: int, drawn: dict[str, int]) -> list[int]:
        """Fill a row with whole samples: a middle that is cut off would teach nothing."""
        random = Random(f"{self._seed}/{number}")
        row: list[int] = []
        while (room := self._row_length + 1 - len(row)) >= _LEAST_ROOM:
            source = random.choices(list(self._mix), list(self._mix.values()))[0]
            number_in_source = drawn.get(source, 0)
            drawn[source] = number_in_source + 1
            row += self._sample(source, number_in_source, room, random)
        return row

    def _sample(self, source: str, number: int, room: int, random: Random) -> list[int]:
        file, start = self._orders[source].piece(number)
        text = self._corpus.text(file)
        offset = first_offset(text, start, start + PIECE_LENGTH, random)
        is_whole_row = random.random() < self._maker.shares.whole_rows
        max_tokens = room if is_whole_row else random.randint(_LEAST_ROOM, room)
        return self._maker.make(text, offset, file.language, max_tokens, random)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Make the next few batches in a thread of its own, while the model works on this one.

    An exception of ``batches`` is raised here, after the batches that were made before it.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(_AHEAD)

    def fill() -> None:
        try:
            for batch in batches:
                ready.put(batch)
        except BaseException as exc:  # noqa: BLE001 (it is raised in the thread that waits)
            ready.put(exc)
        else:
            ready.put(None)

    threading.Thread(target=fill, name="batches", daemon=True).start()
    while (made := ready.get()) is not None:
        if isinstance(made, BaseException):
            raise made
        yield made
