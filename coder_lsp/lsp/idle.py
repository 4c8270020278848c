"""What is done while nobody waits: the next keystroke's prompt, and what comes after accepting."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from coder_lsp.backends.base import FimRequest
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.completer import CompletionRequest, RunningCompletion
from coder_lsp.lsp.engine_thread import EngineThread
from coder_lsp.lsp.generations import Generations
from coder_lsp.lsp.status import StatusBoard
from coder_lsp.session import Session

PREPARE_SECONDS = 0.05
"""Quiet time before the prompt is prepared: less than lies between two keystrokes."""
AHEAD_SECONDS = 0.25
"""Quiet time more before the state after accepting is: the user is reading what is shown."""


class IdleWork:
    """At most one piece of work ahead of the user; a new request puts an end to it."""

    def __init__(
        self,
        session: Session,
        engine: EngineThread,
        generations: Generations,
        status: StatusBoard,
    ) -> None:
        self._session = session
        self._engine = engine
        self._generations = generations
        self._status = status
        self._cancellation = CancellationToken()
        self._task: asyncio.Task[None] | None = None

    def interrupt(self) -> None:
        """Stop at once. A generation ahead goes on: it may be what is asked for now."""
        self._cancellation.cancel()
        if self._task is not None:
            self._task.cancel()

    def begin(self, request: CompletionRequest, shown: str) -> None:
        """Work ahead of a request that was answered with ``shown``, which may be empty."""
        self.interrupt()
        self._cancellation = CancellationToken()
        self._task = asyncio.create_task(self._work(request, shown, self._cancellation))

    async def _work(
        self, request: CompletionRequest, shown: str, cancellation: CancellationToken
    ) -> None:
        await asyncio.sleep(PREPARE_SECONDS)
        fim_request = FimRequest(request.snapshot, request.options, request.snippets)
        tell = _on_this_loop(self._status.warm_up)
        preparing = asyncio.wrap_future(self._engine.prepare(fim_request, cancellation, tell))
        # Shielded, so that what was computed until an interruption is counted all the same.
        preparing.add_done_callback(self._count_prepared)
        await asyncio.shield(preparing)
        if shown and self._session.settings.completion_cache:
            await asyncio.sleep(AHEAD_SECONDS)
            self._complete_accepted(request, shown)

    def _complete_accepted(self, request: CompletionRequest, shown: str) -> None:
        before = request.snapshot
        accepted = replace(
            before,
            text=before.prefix + shown + before.suffix,
            offset=before.offset + len(shown),
        )
        options = replace(request.options, num_branches=0)
        ahead = replace(request, snapshot=accepted, options=options)
        generation = self._generations.begin(ahead, self._engine.complete_ahead)
        running = generation.running
        generation.done.add_done_callback(lambda _: self._count_generated(running))

    def _count_prepared(self, preparing: "asyncio.Future[int]") -> None:
        self._status.end_warming_up()
        if not preparing.cancelled() and preparing.exception() is None:
            self._session.counters.background_tokens += preparing.result()

    def _count_generated(self, running: RunningCompletion) -> None:
        counters = self._session.counters
        counters.background_tokens += running.usage.num_new_tokens
        counters.background_generated_tokens += running.usage.num_generated_tokens


def _on_this_loop(tell: Callable[[int], None]) -> Callable[[float], None]:
    """Return what a worker may call with a share of 1: ``tell`` is told each new per cent once."""
    loop = asyncio.get_running_loop()
    told = -1

    def report(share: float) -> None:
        nonlocal told
        percent = int(100 * share)
        if percent != told:
            told = percent
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(tell, percent)

    return report
