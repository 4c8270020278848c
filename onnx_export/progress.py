"""How far an export is, for a bar or for a program that waits for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["checking", "writing"]


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` bytes; ``seconds_left`` is None while too little is known."""

    phase: Phase
    done: int
    total: int
    seconds_left: float | None


ReportProgress = Callable[[Progress], None]

# Before that, the rate depends too much on the first tensors.
_MIN_SECONDS = 2.0


class PhaseClock:
    """Turns sizes into ``Progress``; the rest is expected at the rate so far."""

    def __init__(self, phase: Phase, start: int, total: int, report: ReportProgress) -> None:
        self._phase = phase
        self._start = start
        self._total = total
        self._report = report
        self._began = time.monotonic()

    def reach(self, done: int) -> None:
        """Report that ``done`` bytes are done."""
        elapsed = time.monotonic() - self._began
        gained = done - self._start
        left = None
        if elapsed >= _MIN_SECONDS and gained > 0:
            left = elapsed / gained * (self._total - done)
        self._report(Progress(self._phase, done, self._total, left))
