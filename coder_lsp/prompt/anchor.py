"""The anchored prompt: fixed parts that typing does not touch, and the text typed since.

Written naively, PSM puts each typed character before the suffix and throws away what was computed
of it. Here PREFIX ends at the anchor and the typed text follows ``fim_end`` as the forced start of
the middle (EFIM, arXiv 2505.21889), so that a keystroke adds one or two tokens at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.document import is_closing_tail, line_start
from coder_lsp.prompt.window import window_after, window_before

if TYPE_CHECKING:
    from coder_lsp.document import DocumentSnapshot
    from coder_lsp.prompt.line_encoder import LineEncoder
    from coder_lsp.prompt.token_budget import TokenBudget

PREFIX_FILL = 0.75
"""A window edge is moved so that this share is filled: it then stays for many lines."""

_TAIL = re.compile(r"""[\s)\]}>"'`;,:]{0,64}""")


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

    def typed(self, snapshot: DocumentSnapshot) -> str | None:
        """Return the text typed since, or None where the anchor does not fit the document."""
        text = snapshot.text
        if snapshot.offset < self.offset or not text.startswith(self.prefix, self.start):
            return None
        if self._suffix_start(text, snapshot.offset) is None:
            return None
        return text[self.offset : snapshot.offset]

    def _suffix_start(self, text: str, offset: int) -> int | None:
        """Find the suffix after the cursor or after a closing tail, also one on later lines."""
        tail = _TAIL.match(text, offset)
        last = offset if tail is None else tail.end()
        if self.is_suffix_whole:
            start = len(text) - len(self.suffix)
            return start if offset <= start <= last and text.endswith(self.suffix) else None
        starts = range(offset, last + 1)
        return next((start for start in starts if text.startswith(self.suffix, start)), None)


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
