"""Stop strings, found also if they are spread over several tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StopResult:
    """``text`` may be shown; ``is_stopped`` when a stop string began right after it."""

    text: str
    is_stopped: bool


class StopStrings:
    """Passes text on, but holds back an end that may be the beginning of a stop string."""

    def __init__(self, stop_strings: tuple[str, ...]) -> None:
        self._stop_strings = tuple(s for s in stop_strings if s)
        self._held = ""

    def add(self, text: str) -> StopResult:
        """Append ``text``, and return what can be passed on."""
        text = self._held + text
        starts = [text.find(stop) for stop in self._stop_strings]
        found = min((start for start in starts if start >= 0), default=None)
        if found is not None:
            self._held = ""
            return StopResult(text[:found], is_stopped=True)
        length = max((_overlap(text, stop) for stop in self._stop_strings), default=0)
        cut = len(text) - length
        self._held = text[cut:]
        return StopResult(text[:cut], is_stopped=False)

    def flush(self) -> str:
        """Return what is still held back, because no more text will come."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of ``text`` that begins ``stop``."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if stop.startswith(text[-n:])), 0)
