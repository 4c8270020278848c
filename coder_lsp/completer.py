"""One completion from request to text: ask a backend, stop early, make it worth showing.

Knows no LSP and no ONNX; this is where a completion is measured.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from coder_lsp.backends.base import Backend, FimRequest
from coder_lsp.cancellation import CancellationToken
from coder_lsp.document import DocumentSnapshot
from coder_lsp.errors import Cancelled
from coder_lsp.generation import (
    FinishReason,
    GenerationChunk,
    GenerationOptions,
    GenerationUsage,
)
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import Outcome, apply_rules, is_settled
from coder_lsp.settings import Multiline
from coder_lsp.snippet import Snippet


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A frozen request. ``raw`` leaves the model's text as it is: no rule stops or changes it."""

    snapshot: DocumentSnapshot
    options: GenerationOptions
    multiline: Multiline = "auto"
    snippets: tuple[Snippet, ...] = ()
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a request.

    ``text`` is what to show, empty when a rule refused it (``refused_by`` names the rule); ``raw``
    is what the model wrote. Times are in milliseconds from the start of ``complete``;
    ``time_to_first_token_ms`` is None when no token was generated. ``mean_logprob`` is the mean
    natural logarithm of the generated tokens' probabilities, None when there are none.
    """

    text: str
    raw: str
    finish_reason: FinishReason
    usage: GenerationUsage
    time_to_first_token_ms: float | None
    total_ms: float
    mean_logprob: float | None
    refused_by: str | None
    model: str


def complete(
    request: CompletionRequest, backend: Backend, cancellation: CancellationToken
) -> Completion:
    """Complete at the cursor. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``.

    The generation is closed as soon as no further text can change the result; ``finish_reason`` is
    then "stop". A cancelled one shows nothing, and ``raw`` is what was written until then.
    """
    started = time.perf_counter()
    place = None if request.raw else Place.of(request.snapshot, request.multiline)
    generation = _Generation(started)
    fim_request = FimRequest(request.snapshot, request.options, request.snippets)
    try:
        _read(backend.stream(fim_request, cancellation), generation, place)
    except Cancelled:
        generation.finish_reason = "cancelled"
    outcome = _outcome(generation, place)
    return Completion(
        text=outcome.text,
        raw=generation.raw,
        finish_reason=generation.finish_reason,
        usage=generation.usage,
        time_to_first_token_ms=generation.time_to_first_token_ms,
        total_ms=_milliseconds_since(started),
        mean_logprob=generation.mean_logprob,
        refused_by=outcome.refused_by,
        model=backend.model,
    )


@dataclass(slots=True)
class _Generation:
    """What has come out of a backend so far."""

    started: float
    raw: str = ""
    logprobs: list[float] = field(default_factory=list)
    usage: GenerationUsage = field(default_factory=GenerationUsage)
    finish_reason: FinishReason = "stop"
    time_to_first_token_ms: float | None = None

    def add(self, chunk: GenerationChunk) -> None:
        self.raw += chunk.text
        self.logprobs += chunk.logprobs
        self.usage = chunk.usage
        if self.time_to_first_token_ms is None and chunk.usage.num_generated_tokens > 0:
            self.time_to_first_token_ms = _milliseconds_since(self.started)

    @property
    def mean_logprob(self) -> float | None:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


def _read(chunks: Iterator[GenerationChunk], generation: _Generation, place: Place | None) -> None:
    try:
        for chunk in chunks:
            generation.add(chunk)
            if chunk.finish_reason is not None:
                generation.finish_reason = chunk.finish_reason
                return
            if chunk.text and place is not None and is_settled(generation.raw, place):
                return
    finally:
        # Backends stream from generators; closing one frees the engine before the next request.
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


def _outcome(generation: _Generation, place: Place | None) -> Outcome:
    if generation.finish_reason == "cancelled":
        return Outcome("", None)
    if place is None:
        return Outcome(generation.raw, None)
    return apply_rules(generation.raw, place)


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
