"""What plain PSM with plain prefix caching would compute, counted on token ids.

Prefix up to the cursor, suffix from the cursor on, the longest common prefix with the document's
last prompt kept. To be fair to it, the window starts at a line's start and stays there as long as
it fits, as ours does, and each document has a cache of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

from bench.replay import replay
from bench.trace import Trace
from coder_lsp.models.model_folder import FimTemplate
from coder_lsp.prompt.fim_template import NUM_TEMPLATE_TOKENS, arrange
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.window import window_after, window_before
from coder_lsp.tokenizer import Tokenizer

PREFIX_SHARE = 0.75
REFILL_SHARE = 0.75


@dataclass(slots=True)
class _Cached:
    start: int = 0
    token_ids: list[int] = field(default_factory=list)


class NaivePsm:
    """Counts keystroke by keystroke; ``max_new_tokens`` are left free in the window."""

    def __init__(
        self, tokenizer: Tokenizer, template: FimTemplate, window_tokens: int, max_new_tokens: int
    ) -> None:
        self._encoder = LineEncoder(tokenizer)
        self._template = template
        room = window_tokens - max_new_tokens - NUM_TEMPLATE_TOKENS
        self._max_prefix = int(room * PREFIX_SHARE)
        self._max_suffix = room - self._max_prefix

    def count(self, trace: Trace, most_keystrokes: int | None) -> Iterator[int]:
        """Yield the prompt tokens computed for each keystroke, openings left out."""
        documents: dict[str, _Cached] = {}
        stop = None if most_keystrokes is None else most_keystrokes + 1
        for keystroke in islice(replay(trace), stop):
            path = keystroke.document.path
            if keystroke.kind == "open":
                documents[path] = _Cached()
            num_new = self._advance(documents[path], keystroke.text, keystroke.cursor)
            if keystroke.kind != "open":
                yield num_new

    def _advance(self, cached: _Cached, text: str, cursor: int) -> int:
        cached.start = self._window_start(cached.start, text, cursor)
        end = window_after(self._encoder, text, cursor, self._max_suffix)
        token_ids = arrange(
            self._template,
            self._encoder.encode(text[cached.start : cursor]),
            self._encoder.encode(text[cursor:end]),
        )
        num_common = _num_common(cached.token_ids, token_ids)
        cached.token_ids = token_ids
        return max(1, len(token_ids) - num_common)  # the last token's logits are needed anyway

    def _window_start(self, previous: int, text: str, cursor: int) -> int:
        is_line_start = previous == 0 or text[previous - 1 : previous] == "\n"
        if is_line_start and previous <= cursor:
            num_tokens = len(self._encoder.encode(text[previous:cursor]))
            if num_tokens <= self._max_prefix:
                return previous
        if window_before(self._encoder, text, cursor, self._max_prefix) == 0:
            return 0
        refill = int(self._max_prefix * REFILL_SHARE)
        return window_before(self._encoder, text, cursor, refill)


def _num_common(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
