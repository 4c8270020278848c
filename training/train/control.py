"""What the outside may ask of a running trainer: to stop, and to pause."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

_LOOK_EVERY_SECONDS = 2.0


class Control:
    """Watches for SIGTERM and SIGINT, and for a file whose presence means pause."""

    def __init__(self, pause_file: Path | None) -> None:
        self._pause_file = pause_file
        self.is_stop_asked = False

    def watch_signals(self) -> None:
        """From now on a signal asks for a stop; a second one ends the program as usual."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @property
    def is_pause_asked(self) -> bool:
        """Whether the pause file is there."""
        return self._pause_file is not None and self._pause_file.exists()

    def wait_while_paused(self, on_pause: Callable[[], None]) -> float:
        """Return the seconds waited until the pause file went; ``on_pause`` is called once."""
        if not self.is_pause_asked:
            return 0.0
        on_pause()
        started = time.monotonic()
        while self.is_pause_asked and not self.is_stop_asked:
            time.sleep(_LOOK_EVERY_SECONDS)
        return time.monotonic() - started

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.is_stop_asked = True
        signal.signal(number, signal.SIG_DFL)


def lower_priority(niceness: int) -> None:
    """Give way to other programs; where the system has no niceness, nothing happens."""
    if niceness and hasattr(os, "nice"):
        os.nice(niceness - os.nice(0))
