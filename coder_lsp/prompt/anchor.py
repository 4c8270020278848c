"""The anchored prompt: fixed parts that typing does not touch, and the text typed since.

Written naively, PSM puts each typed character before the suffix and throws away what was computed
of it. Here PREFIX ends at the anchor and the typed text follows ``fim_end`` as the forced start of
the middle (EFIM, arXiv 2505.21889), so that a keystroke adds one or two tokens at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.documents.document import after_closing_tail, is_closing_tail, line_start
from coder_lsp.documents.typed_text import continues_with
from coder_lsp.prompt.window import window_after, window_before

if TYPE_CHECKING:
    from coder_lsp.documents.document import DocumentSnapshot
    from coder_lsp.prompt.line_encoder import LineEncoder
    from coder_lsp.prompt.token_budget import TokenBudget

PREFIX_FILL = 0.75
"""A window edge is moved so that this share is filled: it then stays for many lines."""
STICKY_SUFFIX = 400
"""Code points after the cursor that must be as they were; changes below leave the anchor."""
MAX_TYPED = 2000
"""Code points; beyond it no budget of tokens could hold what was typed."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How an anchor fits a document: ``typed`` since, and whether a new one would be truer.

    That is so when something far below changed, or closers have moved to a later line or were typed
    over.
    """

    typed: str
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """``prefix`` is the document's text from ``start`` to ``offset``, where TYPED begins.

    ``suffix`` follows the cursor, a closing tail between them left out for the anchor's whole life.
    ``is_suffix_whole``: it reaches the document's end.
    """

    start: int
    offset: int
    prefix: str
    suffix: str
    is_suffix_whole: bool
    prefix_ids: tuple[int, ...]
    suffix_ids: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of prefix and suffix."""
        return len(self.prefix_ids) + len(self.suffix_ids)

    def fit(self, snapshot: DocumentSnapshot) -> Fit | None:
        """Return how the anchor fits the document now, None where it does not."""
        begin = self._typed_start(snapshot.text, snapshot.offset)
        if begin is None:
            return None
        core, tail_length = after_closing_tail(snapshot.text, snapshot.offset), self._tail_length
        if not self._continues(snapshot, core, tail_length):
            return None
        tail, own_tail = snapshot.text[snapshot.offset : core], self.suffix[:tail_length]
        is_same = snapshot.text.startswith(self.suffix[tail_length:], core)
        has_moved = not tail.endswith(own_tail) or "\n" in tail.removesuffix(own_tail)
        return Fit(snapshot.text[begin : snapshot.offset], is_stale=has_moved or not is_same)

    def is_in(self, text: str) -> bool:
        """Whether the document still holds the anchor's texts, wherever the cursor may be."""
        end = self.start + len(self.prefix)
        return text.startswith(self.prefix, self.start) and text.startswith(
            self.suffix[:STICKY_SUFFIX], end
        )

    def _typed_start(self, text: str, cursor: int) -> int | None:
        """Find the prefix, which edits above the window may have moved."""
        if self.offset <= cursor <= self.offset + MAX_TYPED and text.startswith(
            self.prefix, self.start
        ):
            return self.offset
        if self.start == 0:  # what is new above it belongs into the window
            return None
        lowest = max(cursor - len(self.prefix) - MAX_TYPED, 0)
        start = text.rfind(self.prefix, lowest, cursor)
        return None if start < 0 else start + len(self.prefix)

    @property
    def _tail_length(self) -> int:
        """How much of the suffix is closers, which the user may type over."""
        return after_closing_tail(self.suffix, 0)

    def _continues(self, snapshot: DocumentSnapshot, core: int, tail_length: int) -> bool:
        """Whether the document continues after all closers, at ``core``, as the suffix does."""
        near = self.suffix[tail_length : tail_length + STICKY_SUFFIX]
        if not continues_with(snapshot.text, snapshot.offset, near):
            return False
        is_short = len(self.suffix) - tail_length < STICKY_SUFFIX
        is_at_end = core + len(near) == len(snapshot.text)
        return is_at_end or not (is_short and self.is_suffix_whole)


def place_anchor(
    snapshot: DocumentSnapshot,
    encoder: LineEncoder,
    budget: TokenBudget,
    previous: Anchor | None,
) -> Anchor:
    """Place an anchor at the start of the cursor's line, and the windows around it.

    Where the line up to the cursor is longer than TYPED may be, the anchor stands at the cursor:
    plain PSM. The window's start stays that of ``previous`` as long as that fits.
    """
    text, cursor = snapshot.text, snapshot.offset
    offset = line_start(text, cursor)
    if cursor - offset > budget.typed * 4 or (
        len(encoder.encode(text[offset:cursor])) > budget.typed
    ):
        offset = cursor
    after = cursor + len(_closing_tail(snapshot))
    end = window_after(encoder, text, after, budget.suffix)
    suffix_ids = encoder.encode(text[after:end])
    spare = max(budget.suffix - len(suffix_ids), 0) if end == len(text) else 0
    start = _prefix_start(snapshot, offset, encoder, budget.prefix + spare, previous)
    prefix_ids = encoder.encode(text[start:offset])
    if start == 0 and end < len(text):
        room = budget.prefix + budget.suffix - len(prefix_ids)
        end = window_after(encoder, text, after, max(room, budget.suffix))
        suffix_ids = encoder.encode(text[after:end])
    return Anchor(
        start=start,
        offset=offset,
        prefix=text[start:offset],
        suffix=text[after:end],
        is_suffix_whole=end == len(text),
        prefix_ids=tuple(prefix_ids),
        suffix_ids=tuple(suffix_ids),
    )


def _closing_tail(snapshot: DocumentSnapshot) -> str:
    rest = snapshot.line_suffix
    return rest if is_closing_tail(rest) else ""


def _prefix_start(
    snapshot: DocumentSnapshot,
    offset: int,
    encoder: LineEncoder,
    max_tokens: int,
    previous: Anchor | None,
) -> int:
    text = snapshot.text
    if previous is not None and previous.start <= offset:
        is_same = text.startswith(previous.prefix, previous.start) or previous.prefix.startswith(
            text[previous.start : offset]
        )
        if is_same and len(encoder.encode(text[previous.start : offset])) <= max_tokens:
            return previous.start
    start = window_before(encoder, text, offset, max_tokens)
    if start == 0:
        return 0
    return window_before(encoder, text, offset, int(max_tokens * PREFIX_FILL))
