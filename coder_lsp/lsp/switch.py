"""Whether completions are wanted at all: on, off, or snoozed for a while."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

_LOOK_SECONDS = 30.0
"""Between two looks at the clock: the event loop's own time stands still while a laptop sleeps."""


def _local_time() -> datetime:
    return datetime.now().astimezone()


class Switch:
    """On or off; while on, it can be snoozed. Reports each change; for the event loop only."""

    def __init__(
        self, on_change: Callable[[], None], clock: Callable[[], datetime] = _local_time
    ) -> None:
        self._on_change = on_change
        self._clock = clock
        self._is_on = True
        self._alarm: asyncio.TimerHandle | None = None
        self._wakes_at: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether it is on, snoozed or not."""
        return self._is_on

    @property
    def is_active(self) -> bool:
        """Whether requests are to be answered."""
        return self._is_on and self.wakes_at is None

    @property
    def wakes_at(self) -> datetime | None:
        """When the snooze ends, in local time; None if it is not snoozed."""
        is_over = self._wakes_at is None or self._clock() >= self._wakes_at
        return None if is_over else self._wakes_at

    def turn(self, *, on: bool) -> None:
        """Turn it on or off; either ends a snooze."""
        self._is_on = on
        self._end_snooze()
        self._on_change()

    def snooze(self, seconds: float) -> float:
        """Be quiet for a while, 0 ends that; return for how long. If it is off, it stays off."""
        self._end_snooze()
        if not self._is_on:
            seconds = 0.0
        if seconds > 0:
            self._wakes_at = self._clock() + timedelta(seconds=seconds)
            self._look()
        self._on_change()
        return seconds

    def _look(self) -> None:
        """Wake up if it is time, else look again later."""
        wakes_at = self.wakes_at
        if wakes_at is None:
            self._end_snooze()
            self._on_change()
            return
        left = (wakes_at - self._clock()).total_seconds()
        seconds = min(max(left, 0.0), _LOOK_SECONDS)
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._look)

    def _end_snooze(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._wakes_at = None
