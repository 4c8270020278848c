"""The one thread that loads the backend and calls it."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from coder_lsp.backends.base import Backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completer import Completion, CompletionRequest, complete
from coder_lsp.settings import Settings

Result = TypeVar("Result")


class EngineThread:
    """Owns the backend; what it is asked is done in order, so that requests wait for the model.

    A daemon and not a ``ThreadPoolExecutor``: the interpreter would wait at its exit for a model
    that is still being loaded, after the editor has gone.
    """

    def __init__(self, create_backend: Callable[[Settings], Backend]) -> None:
        self._create_backend = create_backend
        self._backend: Backend | None = None
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def load(self, settings: Settings) -> Future[str]:
        """Load another backend in place of the present one; the result is the model's name."""

        def load() -> str:
            # Two models may not fit the memory, so the old one goes first, also when this fails.
            self._backend = None
            self._backend = self._create_backend(settings)
            return self._backend.model

        return self._submit(load)

    def complete(
        self, request: CompletionRequest, cancellation: CancellationToken
    ) -> Future[Completion | None]:
        """Complete; None without a backend, or when cancelled before it was begun."""

        def run() -> Completion | None:
            if self._backend is None or cancellation.is_cancelled:
                return None
            return complete(request, self._backend, cancellation)

        return self._submit(run)

    def forget(self, uri: str) -> Future[None]:
        """Free what the backend keeps for a document."""

        def forget() -> None:
            if self._backend is not None:
                self._backend.forget(uri)

        return self._submit(forget)

    def stats(self) -> Future[Mapping[str, int | float | str]]:
        """Return the backend's counters, none without a backend."""
        return self._submit(lambda: {} if self._backend is None else self._backend.stats())

    def close(self, timeout_seconds: float) -> bool:
        """End the thread; False when it could not be ended in time. Jobs still queued are left."""
        self._is_closing = True
        self._jobs.put(lambda: None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _submit(self, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except Exception as exc:  # noqa: BLE001 (handed to whoever waits)
                future.set_exception(exc)

        self._jobs.put(job)
        return future

    def _work(self) -> None:
        while not self._is_closing:
            self._jobs.get()()
