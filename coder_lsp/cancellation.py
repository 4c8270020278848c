"""A token that is passed down with a piece of work, so that the work can be stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coder_lsp.errors import Cancelled


class CancellationToken:
    """Cancelled at most once, from any thread; never un-cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel, and call the callbacks of ``interrupting``; a second call does nothing."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        """Raise ``Cancelled`` if the work should stop."""
        if self._cancelled:
            raise Cancelled("The work was cancelled.")

    @contextmanager
    def interrupting(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call ``callback`` on ``cancel``, from the cancelling thread, while the block runs.

        For work that cannot look at the token, such as a running ONNX graph. If the token is
        cancelled already, ``callback`` is called immediately.
        """
        with self._lock:
            already = self._cancelled
            if not already:
                self._callbacks.append(callback)
        if already:
            callback()
            yield
            return
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
