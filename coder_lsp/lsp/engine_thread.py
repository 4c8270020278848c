"""The one thread that loads the backend and calls it, the most urgent work first."""

import enum
import itertools
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from coder_lsp.backends.base import Backend, FimRequest
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.alternatives import Alternatives
from coder_lsp.completion.completer import RunningCompletion
from coder_lsp.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The backend that was loaded; ``notices`` are for the user, each with its remedy.

    ``time_budget_ms`` is what the settings say or what the backend chose.
    """

    model: str
    notices: tuple[str, ...]
    time_budget_ms: int


class Priority(enum.IntEnum):
    """What comes first; within a priority, in order."""

    INTERACTIVE = 0  # someone waits
    BACKGROUND = 1  # work ahead of the user; interrupted as soon as someone waits


class EngineThread:
    """Owns the backend: no lock guards it, because no second thread touches it.

    A daemon and not a ``ThreadPoolExecutor``: the interpreter would wait at its exit for a model
    that is still being loaded, after the editor has gone.
    """

    def __init__(self, create_backend: Callable[[Settings], Backend]) -> None:
        self._create_backend = create_backend
        self._backend: Backend | None = None
        self._loading: Future[Loaded] | None = None
        self._jobs: queue.PriorityQueue[tuple[Priority, int, Callable[[], None]]] = (
            queue.PriorityQueue()
        )
        self._order = itertools.count()
        self._background: CancellationToken | None = None  # of the background work under way
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def load(self, settings: Settings) -> Future[Loaded]:
        """Load another backend in place of the present one."""

        def load() -> Loaded:
            # Two models may not fit the memory, so the old one goes first, also when this fails.
            self._close_backend()
            backend = self._backend = self._create_backend(settings)
            time_budget_ms = settings.time_budget_ms or backend.time_budget_ms
            return Loaded(backend.model, backend.notices, time_budget_ms)

        self._loading = self._submit(load)
        return self._loading

    @property
    def has_been_loaded(self) -> bool:
        """Whether a backend was ever asked for."""
        return self._loading is not None

    @property
    def is_loading(self) -> bool:
        """Whether a backend is being loaded, or waits to be."""
        return self._loading is not None and not self._loading.done()

    @property
    def time_budget_seconds(self) -> float:
        """How long a request may take; 0 as long as no backend has been loaded."""
        loading = self._loading
        if loading is None or not loading.done() or loading.cancelled() or loading.exception():
            return 0.0
        return loading.result().time_budget_ms / 1000

    def complete(self, running: RunningCompletion) -> Future[bool]:
        """Generate; False without a backend, or when cancelled before it was begun."""
        return self._submit(lambda: self._run(running))

    def complete_ahead(self, running: RunningCompletion) -> Future[bool]:
        """Generate what nobody waits for yet; False when it gave way to what somebody does."""
        return self._submit_background(lambda: self._run(running), running.cancellation)

    def find_alternatives(self, alternatives: Alternatives) -> Future[bool]:
        """Generate what else to offer; False when it gave way before it was begun."""

        def run() -> bool:
            if self._backend is None or alternatives.cancellation.is_cancelled:
                return False
            alternatives.run(self._backend)
            return True

        return self._submit_background(run, alternatives.cancellation)

    def prepare(
        self,
        request: FimRequest,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None],
    ) -> Future[int]:
        """Compute ahead what a request will need; the result is the number of prompt tokens.

        ``on_progress`` is called from the engine thread; see ``Backend.prepare``.
        """

        def prepare() -> int:
            if self._backend is None or cancellation.is_cancelled:
                return 0
            return self._backend.prepare(request, cancellation, on_progress)

        return self._submit_background(prepare, cancellation)

    def forget(self, uri: str) -> Future[None]:
        """Free what the backend keeps for a document."""

        def forget() -> None:
            if self._backend is not None:
                self._backend.forget(uri)

        return self._submit(forget)

    def stats(self) -> Future[Mapping[str, int | float | str]]:
        """Return the backend's counters, none without a backend; interrupts nothing."""
        return self._put(
            Priority.INTERACTIVE, lambda: {} if self._backend is None else self._backend.stats()
        )

    def close(self, timeout_seconds: float) -> bool:
        """End the thread; False when it could not be ended in time. Jobs still queued are left."""
        self._is_closing = True
        self._submit(lambda: None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self, running: RunningCompletion) -> bool:
        if self._backend is None or running.cancellation.is_cancelled:
            return False
        running.run(self._backend)
        return True

    def _submit(self, work: Callable[[], Result]) -> Future[Result]:
        future = self._put(Priority.INTERACTIVE, work)
        background = self._background
        if background is not None:
            background.cancel()
        return future

    def _submit_background(
        self, work: Callable[[], Result], cancellation: CancellationToken
    ) -> Future[Result]:
        def run() -> Result:
            self._background = cancellation
            try:
                # Who came before the line above could not interrupt; after it, they can.
                if self._someone_waits():
                    cancellation.cancel()
                return work()
            finally:
                self._background = None

        return self._put(Priority.BACKGROUND, run)

    def _someone_waits(self) -> bool:
        return any(priority is Priority.INTERACTIVE for priority, _, _ in tuple(self._jobs.queue))

    def _put(self, priority: Priority, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except Exception as exc:  # noqa: BLE001 (handed to whoever waits)
                future.set_exception(exc)

        self._jobs.put((priority, next(self._order), job))
        return future

    def _work(self) -> None:
        while not self._is_closing:
            _, _, job = self._jobs.get()
            job()
        self._close_backend()

    def _close_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()
