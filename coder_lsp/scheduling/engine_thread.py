"""The one thread that loads the backend and calls it, the most urgent work first."""

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

from coder_lsp.backends.base import Backend
from coder_lsp.settings import Settings

Result = TypeVar("Result")


class Priority(IntEnum):
    """What comes first; within a priority, in the order of submission."""

    INTERACTIVE = 0  # someone waits
    BACKGROUND = 1  # work ahead of the user


@dataclass(frozen=True, slots=True)
class Loaded:
    """The backend that was loaded; ``notices`` are for the user, each with its remedy.

    ``time_budget_ms`` is what the settings say or what the backend chose.
    """

    model: str
    notices: tuple[str, ...]
    time_budget_ms: int


class EngineThread:
    """Owns the backend: no lock guards it, because no second thread touches it.

    It is a daemon and not a ``ThreadPoolExecutor``: the interpreter would wait at its exit for a
    model that is still being loaded, after the editor has gone.
    """

    def __init__(self, create_backend: Callable[[Settings], Backend]) -> None:
        self._create_backend = create_backend
        self._backend: Backend | None = None
        self._jobs: queue.PriorityQueue[tuple[Priority, int, _Job[Any]]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def load(self, settings: Settings) -> Future[Loaded]:
        """Load another backend in place of the present one."""

        def load() -> Loaded:
            # Two models may not fit the memory, so the old one goes first, also if this fails.
            self._close_backend()
            backend = self._backend = self._create_backend(settings)
            time_budget_ms = settings.time_budget_ms or backend.time_budget_ms
            return Loaded(backend.model, backend.notices, time_budget_ms)

        return self._put(Priority.INTERACTIVE, load)

    def submit(
        self, priority: Priority, call: Callable[[Backend], Result], default: Result
    ) -> Future[Result]:
        """Call with the backend, on this thread. The result is ``default`` without a backend.

        Cancelling the future withdraws what has not begun, and frees what ``call`` holds.
        """

        def work() -> Result:
            return default if self._backend is None else call(self._backend)

        return self._put(priority, work)

    def close(self, timeout_seconds: float) -> bool:
        """End the thread; False if it did not end in time. Queued jobs are dropped."""
        self._is_closing = True
        self._put(Priority.INTERACTIVE, lambda: None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _put(self, priority: Priority, work: Callable[[], Result]) -> Future[Result]:
        job = _Job(work)
        self._jobs.put((priority, next(self._order), job))
        return job.future

    def _work(self) -> None:
        while not self._is_closing:
            _, _, job = self._jobs.get()
            job.run()
            del job  # it holds its result while the next one is waited for
        self._close_backend()

    def _close_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


class _Job(Generic[Result]):
    """A call and its future. A cancelled job lets go of the call, which may hold megabytes."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self.future: Future[Result] = Future()
        self._call: Callable[[], Result] | None = work
        self.future.add_done_callback(lambda _: self._drop())

    def run(self) -> None:
        call = self._call
        if call is None or not self.future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except Exception as exc:  # noqa: BLE001 (handed to whoever waits)
            self.future.set_exception(exc)
        else:
            self.future.set_result(result)

    def _drop(self) -> None:
        self._call = None
