"""Work ahead of the user: the next prompt, and what would follow an acceptance."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from coder_lsp.scheduling.observer import percentages
from coder_lsp.scheduling.work import Work

if TYPE_CHECKING:
    from coder_lsp.backends.base import Backend
    from coder_lsp.completion.generation import Generation
    from coder_lsp.request import Request
    from coder_lsp.scheduling.counters import Counters
    from coder_lsp.scheduling.dispatcher import Dispatcher
    from coder_lsp.scheduling.observer import Observer

PREPARE_SECONDS = 0.05
"""Quiet time before the next prompt is prepared: less than the time between two keystrokes."""
AHEAD_SECONDS = 0.25
"""Quiet time after that, before the text after an acceptance is generated: the user is reading."""


class AheadOfUser:
    """A policy; the work itself is in the dispatcher's table."""

    def __init__(self, dispatcher: Dispatcher, observer: Observer, counters: Counters) -> None:
        self._dispatcher = dispatcher
        self._observer = observer
        self._counters = counters

    def begin(self, request: Request, shown: str) -> None:
        """Prepare the next prompt, and what would follow if ``shown`` were accepted.

        Nothing follows if ``shown`` is empty.
        """
        work = Work("prepare", request)
        self._dispatcher.table.add(work)
        work.task = asyncio.create_task(self._work(work, shown))
        work.task.add_done_callback(lambda task: self._end(work, task))

    async def _work(self, work: Work, shown: str) -> None:
        await asyncio.sleep(PREPARE_SECONDS)
        tell = percentages(self._observer.warm_up)

        def prepare(backend: Backend) -> int:
            if work.cancellation.is_cancelled:
                return 0
            return backend.prepare(work.request, work.cancellation, tell)

        work.job = self._dispatcher.call_in_background(prepare, 0)
        preparing = asyncio.wrap_future(work.job)
        preparing.add_done_callback(self._count_prepared)
        await asyncio.wait((preparing,))  # if this is interrupted, it is counted all the same
        if shown and not preparing.cancelled() and preparing.exception() is None:
            await asyncio.sleep(AHEAD_SECONDS)
            self._generate(work.request, shown)

    def _generate(self, request: Request, shown: str) -> None:
        before = request.snapshot
        if any(w.is_wanted for w in self._dispatcher.table.of("generation", uri=before.uri)):
            return
        text = before.prefix + shown + before.suffix
        accepted = replace(before, text=text, offset=before.offset + len(shown))
        options = replace(request.options, num_branches=0)
        request = replace(request, snapshot=accepted, options=options)
        work = self._dispatcher.generate(request, "ahead")
        assert work.done is not None
        work.done.add_done_callback(lambda done: self._count_generated(work.generation, done))

    def _count_prepared(self, preparing: asyncio.Future[int]) -> None:
        self._observer.end_warming_up()
        if not self._report_failure(preparing) and not preparing.cancelled():
            self._counters.background_tokens += preparing.result()

    def _count_generated(self, generation: Generation, done: asyncio.Future[Any]) -> None:
        self._report_failure(done)
        self._counters.background_tokens += generation.usage.num_new_tokens
        self._counters.background_generated_tokens += generation.usage.num_generated_tokens

    def _end(self, work: Work, task: asyncio.Task[None]) -> None:
        self._dispatcher.table.remove(work)
        self._report_failure(task)

    def _report_failure(self, done: asyncio.Future[Any]) -> bool:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._observer.report(error)
        return error is not None
