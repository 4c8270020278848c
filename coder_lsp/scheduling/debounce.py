"""How long to wait for the next keystroke before a generation is begun for this one."""

LONGEST_SECONDS = 0.2
LONGEST_INTERVAL = 1.0
"""A longer pause is no part of the typing rhythm."""
_WEIGHT = 0.2


class Debounce:
    """Learns how fast the user types and how long the first token takes.

    A model that has begun to write before the next keystroke comes is asked at once: its generation
    is taken over if it agrees with what is typed, and stopped within milliseconds if not. A slower
    one would compute prompts for nothing most of the time, so a fast typist is waited out.
    """

    def __init__(self) -> None:
        self._last_request: float | None = None
        self._interval: float | None = None
        self._latency: float | None = None

    def record_request(self, now: float) -> None:
        """Take note of a request, at a time in seconds."""
        if self._last_request is not None:
            interval = now - self._last_request
            if interval < LONGEST_INTERVAL:
                self._interval = _average(self._interval, interval)
        self._last_request = now

    def record_latency(self, seconds: float) -> None:
        """Take note of how long a generation took to its first token."""
        self._latency = _average(self._latency, seconds)

    def delay(self) -> float:
        """Return the seconds to wait before a generation is begun."""
        if self._interval is None or self._latency is None or self._latency <= self._interval / 2:
            return 0.0
        return min(self._interval / 2, LONGEST_SECONDS)


def _average(before: float | None, value: float) -> float:
    return value if before is None else before + _WEIGHT * (value - before)
