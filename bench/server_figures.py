"""The one place that knows by what names the server tells its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bench.records import Source


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """What the server says of its last answer.

    ``generation_ms`` is the engine's own time, None where no generation belongs to this request
    alone; ``first_token_ms`` is the part of it until the first token. ``is_token_known`` is False
    when the server's time budget was over before there was one.
    """

    source: Source
    num_prompt_tokens: int
    num_cached_tokens: int
    num_new_tokens: int
    num_generated_tokens: int
    first_token_ms: float | None
    generation_ms: float | None
    is_token_known: bool

    def time_to_first_token_ms(self, answer_ms: float) -> float:
        """Return the client's time to the first token, its answer having taken ``answer_ms``.

        An answer comes as a whole; so what was generated after the first token is taken off. What
        the way to the server and back takes, and what is done to the text, stays in.
        """
        if self.first_token_ms is None or self.generation_ms is None:
            return answer_ms
        return max(0.0, answer_ms - max(0.0, self.generation_ms - self.first_token_ms))


@dataclass(frozen=True, slots=True)
class BackgroundCounters:
    """Tokens that were computed ahead of the user so far."""

    num_tokens: int
    num_generated_tokens: int


def answer_figures(stats: Mapping[str, Any]) -> AnswerFigures:
    """Read what ``coder-lsp.stats`` tells of the last answer; what is missing there is 0."""
    last = stats.get("lastCompletion") or {}
    source = _source(last)
    # The times of a generation that an earlier request began are not this request's.
    is_own = source not in {"running", "completion cache"} and last.get("totalMs") is not None
    return AnswerFigures(
        source=source,
        num_prompt_tokens=last.get("numPromptTokens", 0),
        num_cached_tokens=last.get("numCachedTokens", 0),
        num_new_tokens=last.get("numNewTokens", 0),
        num_generated_tokens=last.get("numGeneratedTokens", 0),
        first_token_ms=last.get("timeToFirstTokenMs") if is_own else None,
        generation_ms=last.get("totalMs") if is_own else None,
        is_token_known=last.get("finishReason") != "length" or last.get("numGeneratedTokens") != 0,
    )


def late_answer_figures(stats: Mapping[str, Any]) -> AnswerFigures:
    """Read the figures of a generation that is waited for beyond the time budget.

    For the server it was begun by an earlier request; here it is the same keystroke's.
    """
    figures = answer_figures(stats)
    num_new_tokens = figures.num_prompt_tokens - figures.num_cached_tokens
    source: Source = "cache" if figures.num_cached_tokens else "model"
    return replace(figures, num_new_tokens=num_new_tokens, source=source)


def background_counters(stats: Mapping[str, Any]) -> BackgroundCounters:
    """Read how much was computed ahead; 0 where the server tells nothing of it."""
    session = stats.get("session", {})
    return BackgroundCounters(
        session.get("background_tokens", 0), session.get("background_generated_tokens", 0)
    )


def _source(last: Mapping[str, Any]) -> Source:
    name = last.get("source")
    if name in {"running", "completion cache"}:
        return cast("Source", name)
    return "cache" if last.get("numCachedTokens") else "model"
