"""Finds where the same tokens occurred before, and what followed: drafts without a draft model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SEPARATOR = -1
"""Between texts that do not follow one another; no token has this id."""
MAX_MATCH = 16
"""In tokens; a longer match is no better evidence."""
MAX_CANDIDATES = 8
"""The maximum of earlier places to compare, the latest first."""


@dataclass(frozen=True, slots=True)
class Match:
    """The last ``num_matching`` tokens of a text occur in ``index`` too, up to ``position``."""

    num_matching: int
    index: NgramIndex
    position: int

    def following(self, num_tokens: int, end_ids: Collection[int]) -> list[int]:
        """Return at most ``num_tokens`` tokens that followed; they end before any of ``end_ids``.

        If the index ends first, what was found is repeated: then the match overlaps the end of the
        text, so the text is periodic there.
        """
        return self.index.following(self.position, num_tokens, end_ids)


class NgramIndex:
    """A token sequence that knows for each pair of neighbours where it occurred before.

    To append or drop a token costs one dictionary access. A pair leads to the candidates, and
    longer matches are found by comparing backwards from there.
    """

    def __init__(self) -> None:
        self._token_ids: list[int] = []
        self._latest: dict[tuple[int, int], int] = {}  # neighbours to the position of the second
        self._earlier: list[int | None] = []  # the same neighbours' position before this one

    def __len__(self) -> int:
        return len(self._token_ids)

    @property
    def token_ids(self) -> Sequence[int]:
        """The tokens held, in order."""
        return self._token_ids

    def append(self, token_ids: Iterable[int]) -> None:
        """Add tokens at the end."""
        tokens, latest, earlier = self._token_ids, self._latest, self._earlier
        for token_id in token_ids:
            if tokens:
                pair = (tokens[-1], token_id)
                earlier.append(latest.get(pair))
                latest[pair] = len(tokens)
            else:
                earlier.append(None)
            tokens.append(token_id)

    def trim(self, num_tokens: int) -> None:
        """Drop the last ``num_tokens`` tokens without a trace."""
        for _ in range(num_tokens):
            last = self._token_ids.pop()
            earlier = self._earlier.pop()
            if not self._token_ids:
                return
            pair = (self._token_ids[-1], last)
            if earlier is None:
                del self._latest[pair]
            else:
                self._latest[pair] = earlier

    def find(self, tail: Sequence[int]) -> Match | None:
        """Return the longest match with the end of ``tail``; None if it has less than two tokens.

        Of matches with the same length the latest is returned. The end of the index is no match,
        because nothing follows it.
        """
        if len(tail) < 2:  # noqa: PLR2004 (the index is one of pairs)
            return None
        best: Match | None = None
        position = self._latest.get((tail[-2], tail[-1]))
        for _ in range(MAX_CANDIDATES):
            if position is None:
                break
            if position + 1 < len(self._token_ids):
                length = self._num_matching(position, tail)
                if best is None or length > best.num_matching:
                    best = Match(length, self, position)
                if length == MAX_MATCH:
                    break
            position = self._earlier[position]
        return best

    def following(self, position: int, num_tokens: int, end_ids: Collection[int]) -> list[int]:
        """Return what follows ``position``; see ``Match.following``."""
        found = self._token_ids[position + 1 : position + 1 + num_tokens]
        for i, token_id in enumerate(found):
            if token_id == SEPARATOR or token_id in end_ids:
                return found[:i]
        while found and len(found) < num_tokens:
            found += found[: num_tokens - len(found)]
        return found

    def _num_matching(self, position: int, tail: Sequence[int]) -> int:
        tokens = self._token_ids
        longest = min(MAX_MATCH, len(tail), position + 1)
        length = 2
        while length < longest and tokens[position - length] == tail[-1 - length]:
            length += 1
        return length


class CompletionMemory:
    """The tokens of earlier completions, each with the text before it; the oldest are dropped."""

    def __init__(self, capacity: int = 8192) -> None:
        # Two halves: dropping the older one as a whole needs no bookkeeping for single tokens.
        self._half = capacity // 2
        self._older, self._newer = NgramIndex(), NgramIndex()

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def add(self, token_ids: Sequence[int]) -> None:
        """Remember a completion; one that is too long for the memory is cut."""
        token_ids = token_ids[: self._half - 1]
        if len(self._newer) + len(token_ids) + 1 > self._half:
            self._older, self._newer = self._newer, NgramIndex()
        self._newer.append([*token_ids, SEPARATOR])

    def find(self, tail: Sequence[int]) -> Match | None:
        """Return the longest match, and the latest of those; see ``NgramIndex.find``."""
        newer, older = self._newer.find(tail), self._older.find(tail)
        if newer is None or (older is not None and older.num_matching > newer.num_matching):
            return older
        return newer
