"""Where did these tokens stand before, and what came after: drafts without a draft model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SEPARATOR = -1
"""Stands between texts that do not follow one another; no token has this id."""
MAX_MATCH = 16
"""Tokens; a longer match says no more than one of this length."""
MAX_CANDIDATES = 8
"""Earlier places that are compared, the latest first."""


@dataclass(frozen=True, slots=True)
class Match:
    """``num_matching`` tokens up to ``position`` in ``index`` equal the last ones of a text."""

    num_matching: int
    index: NgramIndex
    position: int

    def following(self, num_tokens: int, end_ids: Collection[int]) -> list[int]:
        """Return at most ``num_tokens`` tokens that followed; they end before any of ``end_ids``.

        Where the index ends first, what was found is repeated: the match overlaps the text's end,
        and that end has the distance between the two as its period.
        """
        return self.index.following(self.position, num_tokens, end_ids)


class NgramIndex:
    """Token ids in a row that remember for each two neighbours where they stood before.

    A token appended or dropped costs one dictionary access. Two neighbours lead to the places to
    look at, and longer matches are found by comparing from there backwards.
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
        """Drop the last ``num_tokens`` tokens, as if they had never been there."""
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
        """Return the longest match with the end of ``tail``, of two tokens or more, or None.

        Of several as long the latest. A place that nothing follows is none.
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
    """The tokens of earlier completions, each with what stood before it; the oldest are dropped."""

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
        """Return the longest match, of several as long the latest; see ``NgramIndex.find``."""
        newer, older = self._newer.find(tail), self._older.find(tail)
        if newer is None or (older is not None and older.num_matching > newer.num_matching):
            return older
        return newer
