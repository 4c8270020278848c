"""Make training samples: in the order of the server's own template, cut by the server's windows.

A middle is tokenised whole with the text typed since the anchor, as DeepSeek-Coder-V2-Lite was
trained: it is the engine that heals a split token, the model is not told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from coder_lsp.documents.document import line_start
from coder_lsp.models.model_folder import FimTemplate
from coder_lsp.prompt.fim_template import NUM_TEMPLATE_TOKENS, arrange
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.window import window_after, window_before
from training.fim_transform import span as spans
from training.fim_transform.span import Span
from training.recipe import SampleShares

_MAX_MIDDLE_SHARE = 0.5
_MAX_LINES_ABOVE = 6


@dataclass(frozen=True, slots=True)
class SampleMaker:
    """Makes samples of at most a given number of tokens from documents."""

    encoder: LineEncoder
    template: FimTemplate
    shares: SampleShares

    def make(
        self, text: str, offset: int, language: str, max_tokens: int, random: Random
    ) -> list[int]:
        """Return a sample around the offset: a filled-in middle, or a plain piece of document."""
        if random.random() >= self.shares.fim:
            return self._plain(text, offset, max_tokens)
        span = spans.with_closing_tail(text, self._choose(text, offset, language, random))
        if not text[span.start : span.end].strip():
            return self._plain(text, offset, max_tokens)
        anchor = self._anchor(text, span.start, random)
        return self._fill_in(text, anchor, span, max_tokens, random)

    def _plain(self, text: str, offset: int, max_tokens: int) -> list[int]:
        start = line_start(text, offset)
        end = window_after(self.encoder, text, start, max_tokens - 2)
        token_ids = [*self.template.bos_ids, *self.encoder.encode(text[start:end])]
        return [*token_ids, self.template.eos] if end == len(text) else token_ids

    def _choose(self, text: str, offset: int, language: str, random: Random) -> Span:
        weights = (self.shares.line, self.shares.block, self.shares.node, self.shares.random)
        match random.choices(("line", "block", "node", "random"), weights)[0]:
            case "line":
                return spans.rest_of_line(text, offset, random)
            case "block":
                return spans.block(text, offset, random)
            case "node":
                return spans.node(text, offset, language, random)
        return spans.random_characters(text, offset, random)

    def _anchor(self, text: str, cursor: int, random: Random) -> int:
        """Where PREFIX ends: at the line's start in most samples, as the server has it."""
        chance = random.random() - self.shares.anchor_at_line
        if chance >= self.shares.anchor_above:
            return cursor
        anchor = line_start(text, cursor)
        if chance >= 0:
            for _ in range(random.randint(1, _MAX_LINES_ABOVE)):
                anchor = line_start(text, max(anchor - 1, 0))
        return anchor

    def _fill_in(
        self, text: str, anchor: int, span: Span, max_tokens: int, random: Random
    ) -> list[int]:
        room = max_tokens - NUM_TEMPLATE_TOKENS - 1
        span = self._shorten(text, anchor, span, int(room * _MAX_MIDDLE_SHARE))
        middle = self.encoder.encode(text[anchor : span.end])
        room -= len(middle)
        prefix, suffix = self._surroundings(text, anchor, span.end, room, random)
        token_ids = arrange(self.template, prefix, suffix, middle)
        return [*token_ids, self.template.eos]

    def _shorten(self, text: str, anchor: int, span: Span, max_tokens: int) -> Span:
        """Cut a middle that leaves too little room: at a line's end, or anywhere in one line."""
        if len(self.encoder.encode(text[anchor : span.end])) <= max_tokens:
            return span
        end = window_after(self.encoder, text, anchor, max_tokens)
        end = end - 1 if text[end - 1] == "\n" else end
        return Span(min(span.start, end), min(span.end, end))

    def _surroundings(
        self, text: str, anchor: int, end: int, room: int, random: Random
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return PREFIX and SUFFIX; what one of them leaves of its share goes to the other."""
        for_suffix = int(room * random.choice((0.15, 0.25, 0.25, 0.35, 0.5)))
        suffix_end = window_after(self.encoder, text, end, for_suffix)
        suffix = self._cut(text, end, suffix_end, for_suffix)
        start = window_before(self.encoder, text, anchor, room - len(suffix))
        prefix = self.encoder.encode(text[start:anchor])[-(room - len(suffix)) :]
        if start == 0 and suffix_end < len(text):
            for_suffix = room - len(prefix)
            suffix_end = window_after(self.encoder, text, end, for_suffix)
            suffix = self._cut(text, end, suffix_end, for_suffix)
        return prefix, suffix

    def _cut(self, text: str, start: int, end: int, max_tokens: int) -> list[int]:
        return self.encoder.encode(text[start:end])[:max_tokens]


def first_offset(text: str, region_start: int, region_end: int, random: Random) -> int:
    """Draw an offset in a region of the document, away from the blank end of it."""
    last = min(region_end, max(len(text.rstrip()) - 1, 0))
    return random.randint(min(region_start, last), last)
