"""What the server is at, told to the client as ``coder-lsp/status`` whenever it changes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from coder_lsp.lsp import notices
from coder_lsp.lsp.protocol import log_error
from coder_lsp.lsp.switch import Switch

STATUS_METHOD = "coder-lsp/status"

Kind = Literal["starting", "loading", "ready", "busy", "off", "snoozed", "error"]

SHOWN_AFTER_SECONDS = 0.15
GONE_AFTER_SECONDS = 0.1
"""Who types on asks anew at once; between two requests nothing shall flicker."""


@dataclass(frozen=True, slots=True)
class Status:
    """``message`` is for the user, an error's names the remedy; ``progress`` is in percent.

    ``suggestion`` is what the user could do for better completions; editors show it once.
    """

    kind: Kind
    message: str
    progress: int | None = None
    suggestion: str | None = None


class StatusBoard:
    """Facts from several places, and the one status that they make; for the event loop only."""

    def __init__(self, switch: Switch, send: Callable[[Status], None]) -> None:
        self._switch = switch
        self._send = send
        self._sent: Status | None = None
        self._model: str | None = None
        self._remarks: tuple[str, ...] = ()
        self._suggestion: str | None = None
        self._has_succeeded = False
        self._loading: object | None = None
        self._load_error: str | None = None
        self._generation_error: str | None = None
        self._num_waiting = 0
        self._is_busy = _Steady(self.update)
        self._is_warming_up = _Steady(self.update)
        self._percent = 0

    def begin_loading(self) -> object:
        """Note that a model is being loaded; ``end_loading`` wants what is returned."""
        self._loading = object()
        self._load_error = self._generation_error = None
        self._is_warming_up.set(holds=False)
        self.update()
        return self._loading

    def end_loading(
        self,
        loading: object,
        model: str | None,
        error: str | None = None,
        remarks: tuple[str, ...] = (),
        suggestion: str | None = None,
    ) -> None:
        """Note what came of it, unless another model is being loaded meanwhile.

        ``remarks`` are shown with the model's name, as long as it is there; ``suggestion`` is shown
        from the first generation on.
        """
        if loading is self._loading:
            self._loading = None
            self._model, self._load_error, self._remarks = model, error, remarks
            self._suggestion, self._has_succeeded = suggestion, False
            self.update()

    def fail(self, error: str) -> None:
        """Note that a generation failed."""
        self._generation_error = error
        self.update()

    def succeed(self) -> None:
        """Note that a generation did not fail."""
        if self._generation_error is not None or not self._has_succeeded:
            self._generation_error = None
            self._has_succeeded = True
            self.update()

    @property
    def model(self) -> str | None:
        """The model that completes; None before one was loaded, and after that has failed."""
        return self._model

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block a user waits for a generation."""
        self._num_waiting += 1
        self._is_busy.set(holds=True)
        try:
            yield
        finally:
            self._num_waiting -= 1
            self._is_busy.set(holds=self._num_waiting > 0)

    def report(self, error: BaseException) -> None:
        """Log that work failed for which nobody waited."""
        log_error(error)

    def warm_up(self, percent: int) -> None:
        """Note how much of the full window has been computed."""
        self._percent = percent
        self._is_warming_up.set(holds=True)
        self.update()

    def end_warming_up(self) -> None:
        """Note that nothing more of a window is being computed."""
        self._is_warming_up.set(holds=False)

    def update(self) -> None:
        """Send the status if it is another than the one sent before."""
        status = self._status()
        if status != self._sent:
            self._sent = status
            self._send(status)

    def _status(self) -> Status:
        if not self._switch.is_on:
            return Status("off", notices.OFF)
        wakes_at = self._switch.wakes_at
        if wakes_at is not None:
            return Status("snoozed", notices.snoozed(f"{wakes_at:%H:%M}"))
        error = self._load_error or self._generation_error
        if error is not None:
            return Status("error", error)
        if self._loading is not None:
            return Status("loading", notices.LOADING)
        if self._model is None:
            return Status("starting", notices.STARTING)
        return self._status_of_work(self._model)

    def _status_of_work(self, model: str) -> Status:
        kind: Kind = "busy" if self._is_busy.is_shown else "ready"
        if self._is_warming_up.is_shown:
            return Status(kind, notices.warming_up(self._percent), self._percent)
        if kind == "busy":
            return Status(kind, notices.THINKING)
        suggestion = self._suggestion if self._has_succeeded else None
        return Status(kind, notices.ready(model, self._remarks), suggestion=suggestion)


class _Steady:
    """A condition as it is shown: once it has held for a while, until it has not for a while."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.is_shown = False
        self._on_change = on_change
        self._timer: asyncio.TimerHandle | None = None

    def set(self, *, holds: bool) -> None:
        """Say whether it holds now."""
        if holds == self.is_shown:
            self._stop()
        elif self._timer is None:
            seconds = SHOWN_AFTER_SECONDS if holds else GONE_AFTER_SECONDS
            self._timer = asyncio.get_running_loop().call_later(seconds, self._change)

    def _change(self) -> None:
        self._timer = None
        self.is_shown = not self.is_shown
        self._on_change()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
