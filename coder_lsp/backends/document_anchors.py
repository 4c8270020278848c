"""The anchors of one document: a few places where the user works, each with a cached sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.prompt.anchor import place_anchor

if TYPE_CHECKING:
    from coder_lsp.documents.document import DocumentSnapshot
    from coder_lsp.prompt.anchor import Anchor, Fit
    from coder_lsp.prompt.line_encoder import LineEncoder
    from coder_lsp.prompt.token_budget import TokenBudget

MAX_PLACES = 3
"""Anchors kept for a document: who jumps between two places finds both as they were left."""


@dataclass(frozen=True, slots=True)
class Place:
    """An anchor, the name of its sequence in the KV cache, and the text typed since."""

    sequence_id: str
    anchor: Anchor
    typed: str


class DocumentAnchors:
    """Anchors in order of use, the most recent first; one place more is for the standby."""

    def __init__(self, uri: str) -> None:
        self._anchors: dict[str, Anchor] = {}  # by sequence, the most recent last
        self._narrow: set[str] = set()  # sequences whose window is smaller than it should be
        self._sequence_ids = tuple(f"{uri}#{i}" for i in range(MAX_PLACES + 1))

    @property
    def sequence_ids(self) -> tuple[str, ...]:
        """The names of all sequences that this document may have."""
        return self._sequence_ids

    def choose(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Place:
        """Return the place that fits best; a new one where none does."""
        place = self._fitting(snapshot, encoder, budget)
        if place is None:
            place = self._new_place(snapshot, encoder, budget)
        self._put(place)
        return place

    def narrow(
        self, place: Place, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Place:
        """Give a place a window of a smaller ``budget``, until there is time for the whole one."""
        anchor = place_anchor(snapshot, encoder, budget, previous=None)
        typed = snapshot.text[anchor.offset : snapshot.offset]
        narrowed = Place(place.sequence_id, anchor, typed)
        self._put(narrowed)
        self._narrow.add(place.sequence_id)
        return narrowed

    def standby(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Place | None:
        """Return a place worth preparing while the user is idle, None where all is well.

        It becomes the document's by ``keep``, once its prompt has been computed.
        """
        current = self._fitting(snapshot, encoder, budget)
        if current is None:
            return None
        fit = current.anchor.fit(snapshot)
        is_narrow = current.sequence_id in self._narrow
        if fit is None or not (is_narrow or _is_worn(fit, encoder, budget)):
            return None
        previous = None if is_narrow else current.anchor
        anchor = place_anchor(snapshot, encoder, budget, previous)
        if anchor == current.anchor:
            return None
        typed = snapshot.text[anchor.offset : snapshot.offset]
        return Place(self._unused_sequence(), anchor, typed)

    def whole(self, sequence_id: str) -> Anchor | None:
        """Return a sequence's anchor; None where there is none or its window is narrow."""
        return None if sequence_id in self._narrow else self._anchors.get(sequence_id)

    def recall(self, anchor: Anchor) -> None:
        """Take over an anchor of an earlier time."""
        self._put(Place(self._unused_sequence(), anchor, ""))

    def keep(self, standby: Place) -> None:
        """Put a standby, whose prompt has been computed, in place of what it renews."""
        self._put(standby)
        self._narrow.discard(standby.sequence_id)

    def _put(self, place: Place) -> None:
        """Make a place the most recent one; the least recent makes room for the next standby."""
        self._anchors.pop(place.sequence_id, None)
        self._anchors[place.sequence_id] = place.anchor
        while len(self._anchors) > MAX_PLACES:
            self._anchors.pop(next(iter(self._anchors)))

    def _fitting(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Place | None:
        best: tuple[tuple[bool, int, bool], Place] | None = None
        for sequence_id, anchor in reversed(self._anchors.items()):
            fit = anchor.fit(snapshot)
            if fit is None or len(encoder.encode(fit.typed)) > budget.typed:
                continue
            rank = (sequence_id in self._narrow, len(fit.typed), fit.is_stale)
            if best is None or rank < best[0]:
                best = rank, Place(sequence_id, anchor, fit.typed)
        return None if best is None else best[1]

    def _new_place(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Place:
        recent = next(reversed(self._anchors), None)
        previous = None if recent is None else self._anchors[recent]
        anchor = place_anchor(snapshot, encoder, budget, previous)
        typed = snapshot.text[anchor.offset : snapshot.offset]
        if recent is None or previous is None or previous.stands_in(snapshot.text):
            recent = self._unused_sequence()
        # Otherwise nothing can fit the recent anchor again: its rows are trimmed, not copied.
        self._narrow.discard(recent)
        return Place(recent, anchor, typed)

    def _unused_sequence(self) -> str:
        return next(name for name in self._sequence_ids if name not in self._anchors)


def _is_worn(fit: Fit, encoder: LineEncoder, budget: TokenBudget) -> bool:
    return fit.is_stale or len(encoder.encode(fit.typed)) * 2 > budget.typed
