"""Whether completions are wanted at all: on, off, or snoozed for a while."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta


class Switch:
    """On or off; while on, it can be snoozed. Tells of each change; for the event loop only."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
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
        return self._is_on and self._alarm is None

    @property
    def wakes_at(self) -> datetime | None:
        """When the snooze ends, in local time; None when it is not snoozed."""
        return self._wakes_at

    def turn(self, *, on: bool) -> None:
        """Turn it on or off; either ends a snooze."""
        self._is_on = on
        self._end_snooze()
        self._on_change()

    def snooze(self, seconds: float) -> float:
        """Be quiet for a while, 0 ends that; return for how long. What is off stays off."""
        self._end_snooze()
        if not self._is_on:
            seconds = 0.0
        if seconds > 0:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._wake)
            self._wakes_at = datetime.now().astimezone() + timedelta(seconds=seconds)
        self._on_change()
        return seconds

    def _wake(self) -> None:
        self._end_snooze()
        self._on_change()

    def _end_snooze(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._wakes_at = None
