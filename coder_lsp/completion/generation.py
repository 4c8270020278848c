"""A generation: the model's text while it is written, and what it says to each request."""

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.backends.base import Backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.completion import Completion
from coder_lsp.completion.shown_text import shown_text
from coder_lsp.documents.document import before_closers
from coder_lsp.documents.typed_text import Surroundings, with_newlines
from coder_lsp.errors import Cancelled
from coder_lsp.generation import Branch, FinishReason, GenerationChunk, GenerationUsage
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import Outcome, is_settled
from coder_lsp.request import Request

if TYPE_CHECKING:
    from coder_lsp.documents.document import DocumentSnapshot


def complete(request: Request, backend: Backend, cancellation: CancellationToken) -> Completion:
    """Complete at the cursor. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``.

    The generation ends as soon as no further text can change the result; ``finish_reason`` is then
    "stop". A cancelled generation shows nothing, and ``raw`` is what was written until then.
    """
    generation = Generation(request, cancellation)
    generation.run(backend)
    return generation.completion_for(request)


class Generation:
    """The model's text while it is written: by one thread, read by any.

    A request is not a generation. If the user types what is being generated, the later request is
    answered by the generation that the earlier request began.
    """

    def __init__(self, request: Request, cancellation: CancellationToken) -> None:
        self.request = request
        self.cancellation = cancellation
        self._surroundings = Surroundings.of(request.snapshot)
        self._started = time.perf_counter()
        self._has_begun = False
        self._typed = ""
        self._raw = self._written = ""
        self._logprobs: list[float] = []
        self._branches: tuple[Branch, ...] = ()
        self._usage = GenerationUsage()
        self._finish_reason: FinishReason | None = None
        self._time_to_first_token_ms: float | None = None
        self._model = ""
        self._is_instruct = False

    @property
    def raw(self) -> str:
        r"""What the model has written so far, with ``\n`` as line end."""
        return self._raw

    @property
    def is_instruct(self) -> bool:
        """Whether the model was trained to chat; known once the generation has begun."""
        return self._is_instruct

    @property
    def usage(self) -> GenerationUsage:
        """Counts of tokens so far."""
        return self._usage

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs, and before it begins unless it was cancelled."""
        if not self._has_begun and self.cancellation.is_cancelled:
            return "cancelled"
        return self._finish_reason

    def run(self, backend: Backend) -> None:
        """Generate to the end. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``."""
        if self.cancellation.is_cancelled:
            return
        self._has_begun = True
        self._model = backend.model
        self._is_instruct = backend.is_instruct
        try:
            self._finish_reason = self._read(backend)
        except Cancelled:
            self._finish_reason = "cancelled"

    def may_answer(self, snapshot: "DocumentSnapshot") -> bool:
        """Whether what was typed up to ``snapshot`` agrees with what is generated so far."""
        if self.cancellation.is_cancelled:
            return False
        typed = self._surroundings.typed_since(snapshot)
        return typed is not None and self._agrees_with(typed)

    def follow(self, snapshot: "DocumentSnapshot") -> None:
        """Serve a later request from now on: end if the text disagrees with what was typed."""
        self._typed = self._surroundings.typed_since(snapshot) or ""

    def may_answer_edit(self, text: str, end: int) -> bool:
        """``may_answer`` for a document of which only the end of the last edit is known.

        The cursor is there, or before closers that the editor inserted with the edit.
        """
        cursors = range(end, before_closers(text, end) - 1, -1)
        return any(
            self.may_answer(replace(self.request.snapshot, text=text, offset=cursor))
            for cursor in cursors
        )

    def completion_for(self, request: Request) -> Completion:
        """Return what it says, or has said so far, to its own request or to a later one.

        If it does not agree with a later request, it says nothing, as if it were cancelled.
        """
        typed = self._surroundings.typed_since(request.snapshot)
        finish_reason = self.finish_reason or "length"
        raw = self._raw
        if typed is None or not raw.startswith(typed):
            raw, typed, finish_reason = "", "", "cancelled"
        rest = raw[len(typed) :]
        outcome = self._outcome(rest, finish_reason, request)
        num_logprobs = len(self._logprobs)
        return Completion(
            text=outcome.text,
            raw=rest,
            finish_reason=finish_reason,
            usage=self._usage,
            time_to_first_token_ms=self._time_to_first_token_ms,
            total_ms=self._milliseconds(),
            mean_logprob=sum(self._logprobs) / num_logprobs if num_logprobs else None,
            refused_by=outcome.refused_by,
            model=self._model,
            branches=() if typed else self._branches,
        )

    def _agrees_with(self, typed: str) -> bool:
        reason = self.finish_reason
        if reason == "cancelled":
            return False
        return self._raw.startswith(typed) or (reason is None and typed.startswith(self._raw))

    def _read(self, backend: Backend) -> FinishReason:
        request = self.request
        place = (
            None
            if request.raw
            else Place.of(request.snapshot, request.multiline, is_instruct=self._is_instruct)
        )
        # Closing the generator frees the engine for the next request.
        with closing(backend.stream(request, self.cancellation)) as chunks:
            for chunk in chunks:
                self._add(chunk)
                if chunk.finish_reason is not None:
                    return chunk.finish_reason
                if not self._agrees_with(self._typed):
                    return "cancelled"
                if chunk.text and place is not None and is_settled(self._raw, place):
                    return "stop"
        return "stop"

    def _add(self, chunk: GenerationChunk) -> None:
        self._written += chunk.text
        self._raw = with_newlines(self._written)
        before = sum(self._logprobs)
        self._branches += tuple(replace(b, logprob=before + b.logprob) for b in chunk.branches)
        self._logprobs += chunk.logprobs
        self._usage = chunk.usage
        if self._time_to_first_token_ms is None and chunk.usage.num_generated_tokens > 0:
            self._time_to_first_token_ms = self._milliseconds()

    def _outcome(self, raw: str, finish_reason: FinishReason, request: Request) -> Outcome:
        if finish_reason == "cancelled":
            return Outcome("", None)
        if request.raw:
            return Outcome(raw, None)
        snapshot, multiline = request.snapshot, request.multiline
        return shown_text(raw, finish_reason, snapshot, multiline, is_instruct=self._is_instruct)

    def _milliseconds(self) -> float:
        return (time.perf_counter() - self._started) * 1000
