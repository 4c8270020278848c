"""One completion from request to text: ask a backend, stop early, make it worth showing.

Knows no LSP and no ONNX; this is where a completion is measured.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from coder_lsp.backends.base import Backend, FimRequest
from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot, before_closers, typed_between
from coder_lsp.errors import Cancelled
from coder_lsp.generation import (
    Branch,
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
    """A frozen request. ``raw`` leaves the model's text as it is: no rule stops or changes it.

    ``branch``, where given, has another completion written than for the same request without it.
    """

    snapshot: DocumentSnapshot
    options: GenerationOptions
    multiline: Multiline = "auto"
    snippets: tuple[Snippet, ...] = ()
    raw: bool = False
    branch: Branch | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a request.

    ``text`` is what to show, empty when a rule refused it (``refused_by`` names the rule); ``raw``
    is what the model wrote. Times are in milliseconds from the start of ``complete``;
    ``time_to_first_token_ms`` is None when no token was generated. ``mean_logprob`` is the mean
    natural logarithm of the generated tokens' probabilities, None when there are none.
    ``branches`` are the ways not taken, where the request asked for them; their ``logprob`` is the
    one of all tokens up to and with the last.
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
    branches: tuple[Branch, ...] = ()


def complete(
    request: CompletionRequest, backend: Backend, cancellation: CancellationToken
) -> Completion:
    """Complete at the cursor. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``.

    The generation is closed as soon as no further text can change the result; ``finish_reason`` is
    then "stop". A cancelled one shows nothing, and ``raw`` is what was written until then.
    """
    running = RunningCompletion(request, cancellation)
    running.run(backend)
    return running.completion_for(request)


class RunningCompletion:
    """A completion while it is generated: written by one thread, read by any.

    A request is not a generation: when the user types what is being generated, the later request
    is answered from what the earlier one began.
    """

    def __init__(self, request: CompletionRequest, cancellation: CancellationToken) -> None:
        self.request = request
        self.cancellation = cancellation
        self._started = time.perf_counter()
        self._raw = ""
        self._logprobs: list[float] = []
        self._branches: tuple[Branch, ...] = ()
        self._usage = GenerationUsage()
        self._finish_reason: FinishReason | None = None
        self._time_to_first_token_ms: float | None = None
        self._model = ""

    @property
    def raw(self) -> str:
        """What the model has written so far."""
        return self._raw

    @property
    def usage(self) -> GenerationUsage:
        """Counts of tokens so far."""
        return self._usage

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended, None while it runs or before it began."""
        return self._finish_reason

    def run(self, backend: Backend) -> None:
        """Generate to the end. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``."""
        request = self.request
        self._model = backend.model
        place = None if request.raw else Place.of(request.snapshot, request.multiline)
        fim_request = FimRequest(
            request.snapshot, request.options, request.snippets, request.branch
        )
        try:
            finish_reason = self._read(backend.stream(fim_request, self.cancellation), place)
        except Cancelled:
            finish_reason = "cancelled"
        self._finish_reason = finish_reason

    def may_answer(self, snapshot: DocumentSnapshot) -> bool:
        """Whether what was typed up to ``snapshot`` agrees with what is generated so far."""
        before = self.request.snapshot
        typed = snapshot.text[before.offset : snapshot.offset].replace("\r\n", "\n")
        # What costs little first: the texts may have megabytes.
        return self._agrees_with(typed) and typed_between(before, snapshot) is not None

    def may_answer_edit(self, text: str, end: int) -> bool:
        """``may_answer`` for a document of which only the last edit's ``end`` is known.

        The cursor stands there, or before closers that the editor put in with the edit.
        """
        cursors = range(end, before_closers(text, end) - 1, -1)
        return any(
            self.may_answer(replace(self.request.snapshot, text=text, offset=cursor))
            for cursor in cursors
        )

    def completion_for(self, request: CompletionRequest) -> Completion:
        """Return what it says, or has said so far, for its own request or a later one.

        For one with which it does not agree that is nothing, as if cancelled.
        """
        typed = typed_between(self.request.snapshot, request.snapshot)
        finish_reason = self._finish_reason or "length"
        raw = self._raw
        if typed is None or not raw.startswith(typed):
            raw, typed, finish_reason = "", "", "cancelled"
        outcome = _outcome(raw[len(typed) :], finish_reason, request)
        num_logprobs = len(self._logprobs)
        return Completion(
            text=outcome.text,
            raw=raw[len(typed) :],
            finish_reason=finish_reason,
            usage=self._usage,
            time_to_first_token_ms=self._time_to_first_token_ms,
            total_ms=_milliseconds_since(self._started),
            mean_logprob=sum(self._logprobs) / num_logprobs if num_logprobs else None,
            refused_by=outcome.refused_by,
            model=self._model,
            branches=() if typed else self._branches,
        )

    def _agrees_with(self, typed: str) -> bool:
        if self._finish_reason == "cancelled":
            return False
        is_running = self._finish_reason is None
        return self._raw.startswith(typed) or (is_running and typed.startswith(self._raw))

    def _read(self, chunks: Iterator[GenerationChunk], place: Place | None) -> FinishReason:
        try:
            for chunk in chunks:
                self._add(chunk)
                if chunk.finish_reason is not None:
                    return chunk.finish_reason
                if chunk.text and place is not None and is_settled(self._raw, place):
                    return "stop"
        finally:
            # Backends stream from generators; closing one frees the engine for the next request.
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return "stop"

    def _add(self, chunk: GenerationChunk) -> None:
        self._raw += chunk.text
        before = sum(self._logprobs)
        self._branches += tuple(replace(b, logprob=before + b.logprob) for b in chunk.branches)
        self._logprobs += chunk.logprobs
        self._usage = chunk.usage
        if self._time_to_first_token_ms is None and chunk.usage.num_generated_tokens > 0:
            self._time_to_first_token_ms = _milliseconds_since(self._started)


def _outcome(raw: str, finish_reason: FinishReason, request: CompletionRequest) -> Outcome:
    if finish_reason == "cancelled":
        return Outcome("", None)
    if request.raw:
        return Outcome(raw, None)
    place = Place.of(request.snapshot, request.multiline)
    outcome = apply_rules(raw, place)
    if finish_reason == "length" and not is_settled(raw, place):
        return Outcome(_whole_lines(outcome.text), outcome.refused_by)
    return outcome


def _whole_lines(text: str) -> str:
    """Leave out the last of several lines, which a limit has cut off somewhere."""
    last = max(text.rfind("\n"), text.rfind("\r"))
    return text if last < 0 else text[:last].rstrip()


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
