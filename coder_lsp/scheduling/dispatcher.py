"""Puts work into the table and onto the engine thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.generation import Generation
from coder_lsp.scheduling.engine_thread import EngineThread, Loaded, Priority
from coder_lsp.scheduling.work import BACKGROUND, Kind, Work, WorkTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from coder_lsp.backends.base import Backend
    from coder_lsp.request import Request
    from coder_lsp.settings import Settings

Result = TypeVar("Result")


_SECONDS_BEFORE_LOADED = 0.6
"""Less than the 0.75 s after which VS Code drops ghost text."""


class Dispatcher:
    """Owns the engine thread and the table of work; used from the event loop only."""

    def __init__(
        self,
        create_backend: Callable[[Settings], Backend],
        on_written: Callable[[Generation], None],
    ) -> None:
        """``on_written`` gets each generation that ended by itself, and was not dropped."""
        self.table = WorkTable()
        self._on_written = on_written
        self._engine = EngineThread(create_backend)
        self._loading: Future[Loaded] | None = None

    @property
    def has_been_loaded(self) -> bool:
        """Whether a model was ever asked for."""
        return self._loading is not None

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded, or waits to be."""
        return self._loading is not None and not self._loading.done()

    @property
    def time_budget_seconds(self) -> float:
        """How long a request may take, as the backend chose it once it is loaded."""
        loading = self._loading
        if loading is None or not loading.done() or loading.cancelled() or loading.exception():
            return _SECONDS_BEFORE_LOADED
        return loading.result().time_budget_ms / 1000

    def load(self, settings: Settings) -> asyncio.Future[Loaded]:
        """Load what the settings name, in place of the present model; all work is dropped."""
        self.table.drop(self.table.of())
        self._loading = self._engine.load(settings)
        return self.loading()

    def loading(self) -> asyncio.Future[Loaded]:
        """Return a future of the last load, done when it ends."""
        assert self._loading is not None
        loading = asyncio.wrap_future(self._loading)
        # An error is told by whoever began to load; others only wait for the end.
        loading.add_done_callback(lambda done: done.cancelled() or done.exception())
        return loading

    def close(self, timeout_seconds: float) -> bool:
        """Drop all work and end the thread; False if it did not end in time."""
        self.table.drop(self.table.of())
        return self._engine.close(timeout_seconds)

    def call(self, call: Callable[[Backend], Result], default: Result) -> asyncio.Future[Result]:
        """Call the backend soon, without interrupting it; return ``default`` if there is none."""
        return asyncio.wrap_future(self._engine.submit(Priority.INTERACTIVE, call, default))

    def call_urgently(self, call: Callable[[Backend], Result], default: Result) -> Future[Result]:
        """Call the backend as soon as possible; background work is dropped."""
        self.table.drop(self.table.of(*BACKGROUND))
        return self._engine.submit(Priority.INTERACTIVE, call, default)

    def call_in_background(
        self, call: Callable[[Backend], Result], default: Result
    ) -> Future[Result]:
        """Call the backend when nothing more urgent is left."""
        return self._engine.submit(Priority.BACKGROUND, call, default)

    def forget(self, uri: str) -> asyncio.Future[None]:
        """Free what the backend keeps for a document; background work is dropped."""

        def forget(backend: Backend) -> None:
            backend.forget(uri)

        return asyncio.wrap_future(self.call_urgently(forget, None))

    def generate(self, request: Request, kind: Kind) -> Work:
        """Begin a generation; those that nobody waits for make room for it."""
        unwanted = [w for w in self.table.of("generation", "ahead") if not w.is_wanted]
        self.table.drop(unwanted)
        generation = Generation(request, CancellationToken())
        work = Work(kind, request, generation.cancellation, generation)
        self.submit(work, generation.run)
        return work

    def submit(self, work: Work, run: Callable[[Backend], None]) -> None:
        """Run work on the engine thread; the table holds it until it ends."""

        def call(backend: Backend) -> bool:
            run(backend)
            return True

        begin = self.call_in_background if work.kind in BACKGROUND else self.call_urgently
        work.job = begin(call, False)  # noqa: FBT003
        self.table.add(work)
        work.done = asyncio.wrap_future(work.job)
        work.done.add_done_callback(lambda done: self._end(work, done))

    def _end(self, work: Work, done: asyncio.Future[bool]) -> None:
        # Alternatives that were found stay, for a user who asks for them again.
        is_held = work in self.table if work.kind == "alternatives" else self.table.remove(work)
        if done.cancelled() or done.exception() is not None or not done.result():
            return  # whoever waits for it learns of the failure
        if is_held and isinstance(work.content, Generation):
            self._on_written(work.content)
