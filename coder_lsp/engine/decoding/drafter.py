"""Drafts for a generation: what followed the same tokens in its prompt or in earlier completions.

A draft is a proposal. The model verifies it, and the generated text does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from coder_lsp.engine.common_prefix import num_shared
from coder_lsp.engine.decoding.draft_policy import (
    DRAFT_LENGTHS,
    DraftPolicy,
    DraftSource,
    TokenPlace,
)
from coder_lsp.engine.decoding.lookup import (
    MAX_MATCH,
    SEPARATOR,
    CompletionMemory,
    Match,
    NgramIndex,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from coder_lsp.models.model_folder import FimTemplate

LookupMode = Literal["auto", "on", "off"]
"""``auto``: drafts that are expected to save time; ``on``: all that are found; ``off``: none."""


class Drafts(Protocol):
    """What decoding asks of a drafter during one generation."""

    def add(self, token_id: int) -> None:
        """Record a token that the model has generated, before it is passed on."""

    def propose(self, max_length: int) -> Sequence[int]:
        """Return at most ``max_length`` tokens to verify; none if that would not save time."""

    def record_pass(self, width: int, seconds: float) -> None:
        """Record the running time of a pass over ``width`` tokens."""


class NoDrafts:
    """Decoding token by token."""

    def add(self, token_id: int) -> None:
        """Do nothing."""

    def propose(self, max_length: int) -> Sequence[int]:  # noqa: ARG002 (named by the protocol)
        """Propose nothing."""
        return ()

    def record_pass(self, width: int, seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The tokens that followed a match of ``num_matching``; never empty."""

    source: DraftSource
    num_matching: int
    token_ids: Sequence[int]


class Drafter:
    """What an engine remembers in order to draft; called from one thread only.

    It holds the text of the latest generation. The next prompt keeps what it shares with that, so a
    keystroke costs the tokens that it adds.
    """

    def __init__(
        self,
        fim: FimTemplate,
        end_ids: Collection[int],
        newline_ids: Collection[int],
        mode: LookupMode,
    ) -> None:
        """No draft reaches any of ``end_ids``: they are never generated, or end the text.

        ``newline_ids``: tokens that end a line, after which a completion often ends too.
        """
        self._fim = fim
        self._end_ids = frozenset(end_ids)
        self._newline_ids = frozenset(newline_ids)
        self._mode = mode
        self._text = NgramIndex()
        self._num_generated = 0
        self._memory = CompletionMemory()
        self._policy = DraftPolicy()
        self._latest: Drafts = NoDrafts()
        self._last_place: TokenPlace | None = None

    def begin(self, prompt_ids: Sequence[int]) -> Drafts:
        """Return the drafts of a generation; until they are asked for they cost nothing."""
        return NoDrafts() if self._mode == "off" else _GenerationDrafts(self, prompt_ids)

    def start(self, drafts: Drafts, prompt_ids: Sequence[int]) -> None:
        """Read the prompt. An earlier generation may continue, but gets no drafts any more."""
        self._remember()
        text = in_reading_order(prompt_ids, self._fim)
        shared = num_shared(self._text.token_ids, text)
        self._text.trim(len(self._text) - shared)
        self._text.append(text[shared:])
        self._latest = drafts

    def is_latest(self, drafts: Drafts) -> bool:
        """Whether no other generation has begun since."""
        return self._latest is drafts

    def add(self, token_id: int) -> None:
        """Append a generated token. So the previous token was not the end of the completion."""
        if self._last_place is not None:
            self._policy.record_wanted(self._last_place, is_wanted=True)
        (self._last_place,) = self._places([token_id])
        self._text.append([token_id])
        self._num_generated += 1

    def find(self) -> _Found | None:
        """Return what followed the longest match with the end of the text."""
        tail = self._text.token_ids[-MAX_MATCH:]
        source: DraftSource = "text"
        match, remembered = self._text.find(tail), self._memory.find(tail)
        if _is_longer(remembered, match):
            source, match = "memory", remembered
        if match is None:
            return None
        token_ids = match.following(DRAFT_LENGTHS[-1], self._end_ids)
        return _Found(source, match.num_matching, token_ids) if token_ids else None

    def choose_length(self, found: _Found, max_length: int) -> int:
        """Return how many of the tokens found are worth verifying."""
        max_length = min(max_length, len(found.token_ids))
        if self._mode == "on":
            return max_length
        places = self._places(found.token_ids[:max_length])
        return self._policy.choose_length(found.source, found.num_matching, places)

    def compare(self, found: _Found, token_id: int) -> _Found | None:
        """Learn from the token that the model generated instead of the first one found.

        Returns what was found for the token after that, if this one was right.
        """
        is_accepted = found.token_ids[0] == token_id
        self._policy.record_outcome(found.source, found.num_matching, is_accepted=is_accepted)
        if not is_accepted or len(found.token_ids) == 1:
            return None
        return _Found(found.source, found.num_matching + 1, found.token_ids[1:])

    def record_pass(self, width: int, seconds: float) -> None:
        """Record the running time of a pass over ``width`` tokens."""
        self._policy.record_pass(width, seconds)

    def _remember(self) -> None:
        """Keep the previous completion, with enough of the text before it to be matched."""
        if self._last_place is not None:
            self._policy.record_wanted(self._last_place, is_wanted=False)
            self._last_place = None
        if self._num_generated:
            first = max(len(self._text) - self._num_generated - MAX_MATCH, 0)
            self._memory.add(self._text.token_ids[first:])
            self._num_generated = 0

    def _places(self, token_ids: Sequence[int]) -> list[TokenPlace]:
        """Return where in a line each of these tokens would be, after the end of the text."""
        places: list[TokenPlace] = []
        is_first = bool(self._text.token_ids) and self._text.token_ids[-1] in self._newline_ids
        for token_id in token_ids:
            is_last = token_id in self._newline_ids
            places.append("line end" if is_last else "line start" if is_first else "inside")
            is_first = is_last
        return places


class _GenerationDrafts:
    """One generation's view of the drafter, which reads the prompt when it is first asked."""

    def __init__(self, drafter: Drafter, prompt_ids: Sequence[int]) -> None:
        self._drafter = drafter
        self._prompt_ids = prompt_ids
        self._is_started = False
        self._unread: list[int] = []
        self._found: _Found | None = None

    def add(self, token_id: int) -> None:
        """Record a token that the model has generated."""
        if not self._is_started:
            self._unread.append(token_id)
        elif self._drafter.is_latest(self):
            if self._found is not None:
                self._found = self._drafter.compare(self._found, token_id)
            self._drafter.add(token_id)

    def propose(self, max_length: int) -> Sequence[int]:
        """Return at most ``max_length`` tokens to verify."""
        if not self._is_started:
            self._is_started = True
            self._drafter.start(self, self._prompt_ids)
            for token_id in self._unread:
                self._drafter.add(token_id)
        if not self._drafter.is_latest(self) or max_length <= 0:
            return ()
        self._found = self._drafter.find()
        if self._found is None:
            return ()
        return self._found.token_ids[: self._drafter.choose_length(self._found, max_length)]

    def record_pass(self, width: int, seconds: float) -> None:
        """Record the running time of a pass over ``width`` tokens."""
        self._drafter.record_pass(width, seconds)


def in_reading_order(prompt_ids: Sequence[int], fim: FimTemplate) -> list[int]:
    """Return a prompt's tokens with the suffix first, so that the middle follows the prefix.

    Typing then changes only the end. A prompt without a hole stays as it is.
    """
    token_ids = list(prompt_ids)
    if fim.fim_hole not in token_ids or fim.fim_end not in token_ids:
        return token_ids
    hole, end = token_ids.index(fim.fim_hole), token_ids.index(fim.fim_end)
    suffix, middle = token_ids[hole + 1 : end], token_ids[end + 1 :]
    return [*suffix, SEPARATOR, *token_ids[:hole], *middle]


def _is_longer(match: Match | None, other: Match | None) -> bool:
    return match is not None and (other is None or match.num_matching > other.num_matching)
