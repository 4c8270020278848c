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

MAX_ANCHORS = 3
"""For each document: a user who jumps between two places finds both as they were."""
_SMALL_SHARE = 0.4
"""An anchor that fills less of its budget than this was placed under a smaller one."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A cursor's place: an anchor, the id of its cached sequence, and the text typed since."""

    sequence_id: str
    anchor: Anchor
    typed: str


class DocumentAnchors:
    """Up to ``MAX_ANCHORS`` anchors, the least recently used replaced first.

    One sequence id more is for the *standby*: an anchor that is computed in idle time to replace a
    worn one. An anchor is *worn* if half of the budget for typed text is used, or if the text far
    below it has changed. It is *narrow* if its window is smaller than the budget allows.
    """

    def __init__(self, uri: str) -> None:
        self._anchored: dict[str, Anchored] = {}  # by sequence id, the most recent last
        self._narrow: set[str] = set()
        self._sequence_ids = tuple(f"{uri}#{i}" for i in range(MAX_ANCHORS + 1))

    @property
    def sequence_ids(self) -> tuple[str, ...]:
        """The ids of all sequences that this document may have."""
        return self._sequence_ids

    @property
    def recent(self) -> Anchored | None:
        """What was used last and has a full window; None if there is none."""
        full = (a for a in reversed(self._anchored.values()) if a.sequence_id not in self._narrow)
        return next(full, None)

    def choose(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Anchored:
        """Return the anchor that fits best, or a new one if none does."""
        anchored = self._fitting(snapshot, encoder, budget)
        if anchored is None:
            anchored = self._new(snapshot, encoder, budget)
        self._use(anchored)
        return anchored

    def narrow(
        self,
        anchored: Anchored,
        snapshot: DocumentSnapshot,
        encoder: LineEncoder,
        budget: TokenBudget,
    ) -> Anchored:
        """Replace an anchor by one with a smaller window, until there is time for a full one."""
        anchor = place_anchor(snapshot, encoder, budget, previous=None)
        typed = snapshot.text[anchor.offset : snapshot.offset]
        narrowed = Anchored(anchored.sequence_id, anchor, typed)
        self._use(narrowed)
        self._narrow.add(anchored.sequence_id)
        return narrowed

    def standby(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Anchored | None:
        """Return what is worth preparing while the user is idle; None if nothing is.

        ``keep`` takes it over once its prompt has been computed.
        """
        current = self._fitting(snapshot, encoder, budget)
        if current is None:
            return None
        fit = current.anchor.fit(snapshot)
        is_narrow = current.sequence_id in self._narrow or _is_small(current.anchor, budget)
        if fit is None or not (is_narrow or _is_worn(fit, encoder, budget)):
            return None
        previous = None if is_narrow else current.anchor
        anchor = place_anchor(snapshot, encoder, budget, previous)
        if anchor == current.anchor:
            return None
        typed = snapshot.text[anchor.offset : snapshot.offset]
        return Anchored(self._unused_sequence(), anchor, typed)

    def restore(self, anchor: Anchor) -> None:
        """Take over an anchor that an earlier server kept."""
        self._use(Anchored(self._unused_sequence(), anchor, ""))

    def keep(self, standby: Anchored) -> None:
        """Take over a standby, whose prompt has been computed."""
        self._use(standby)
        self._narrow.discard(standby.sequence_id)

    def _use(self, anchored: Anchored) -> None:
        """Mark as most recently used; evict the least recently used so that a standby has an id."""
        self._anchored.pop(anchored.sequence_id, None)
        self._anchored[anchored.sequence_id] = anchored
        while len(self._anchored) > MAX_ANCHORS:
            self._anchored.pop(next(iter(self._anchored)))

    def _fitting(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Anchored | None:
        best: tuple[tuple[bool, int, bool], Anchored] | None = None
        for sequence_id, anchored in reversed(self._anchored.items()):
            anchor = anchored.anchor
            fit = anchor.fit(snapshot)
            if fit is None or anchor.num_tokens > budget.prefix + budget.suffix:
                continue
            if len(encoder.encode(fit.typed)) > budget.typed:
                continue
            rank = (sequence_id in self._narrow, len(fit.typed), fit.is_stale)
            if best is None or rank < best[0]:
                best = rank, Anchored(sequence_id, anchor, fit.typed)
        return None if best is None else best[1]

    def _new(
        self, snapshot: DocumentSnapshot, encoder: LineEncoder, budget: TokenBudget
    ) -> Anchored:
        recent = next(reversed(self._anchored.values()), None)
        previous = None if recent is None else recent.anchor
        anchor = place_anchor(snapshot, encoder, budget, previous)
        typed = snapshot.text[anchor.offset : snapshot.offset]
        if recent is None or recent.anchor.is_in(snapshot.text):
            sequence_id = self._unused_sequence()
        else:  # nothing can fit the recent anchor again: its rows are trimmed, not copied
            sequence_id = recent.sequence_id
        self._narrow.discard(sequence_id)
        return Anchored(sequence_id, anchor, typed)

    def _unused_sequence(self) -> str:
        return next(name for name in self._sequence_ids if name not in self._anchored)


def _is_worn(fit: Fit, encoder: LineEncoder, budget: TokenBudget) -> bool:
    return fit.is_stale or len(encoder.encode(fit.typed)) * 2 > budget.typed


def _is_small(anchor: Anchor, budget: TokenBudget) -> bool:
    is_whole = anchor.start == 0 and anchor.is_suffix_whole
    return not is_whole and anchor.num_tokens < (budget.prefix + budget.suffix) * _SMALL_SHARE
