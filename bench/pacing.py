"""When keystrokes come: as in the trace, unless that would take too long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pacing:
    """Each keystroke waits for the answer to the one before; ours and peers' come at the same pace.

    ``speed`` divides the trace's pauses; what a server does in idle time goes by the clock, so at
    any other speed than 1 it is not what a user would see. ``longest_pause_ms`` cuts the pauses in
    which a typist thinks: whoever does nothing more after it loses nothing by that, and who does
    has less time than the user would leave.
    """

    speed: float = 1.0
    longest_pause_ms: float = 1500.0

    def seconds_left(self, pause_ms: float, spent_seconds: float) -> float:
        """Return how long to wait still, ``spent_seconds`` after a keystroke, for the next one."""
        pause = min(pause_ms / self.speed, self.longest_pause_ms) / 1000
        return max(0.0, pause - spent_seconds)
