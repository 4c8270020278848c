"""A snooze ends by the clock on the wall."""

import asyncio
from datetime import UTC, datetime, timedelta

from coder_lsp.lsp.switch import Switch


class Clock:
    def __init__(self):
        self.time = datetime(2026, 1, 1, 14, 0, tzinfo=UTC)

    def __call__(self):
        return self.time


def test_a_snooze_is_over_when_the_laptop_slept_through_its_end():
    async def scenario():
        clock, changes = Clock(), []
        switch = Switch(lambda: changes.append(switch.is_active), clock)
        assert switch.snooze(1800) == 1800
        assert (switch.is_active, switch.wakes_at) == (False, clock.time + timedelta(minutes=30))
        clock.time += timedelta(hours=1)  # the event loop's time stood still
        assert (switch.is_active, switch.wakes_at) == (True, None)
        switch._look()
        assert changes == [False, True]

    asyncio.run(scenario())


def test_a_snooze_ends_by_itself():
    async def scenario():
        woken = asyncio.Event()
        switch = Switch(lambda: woken.set() if switch.is_active else None)
        switch.snooze(0.01)
        await asyncio.wait_for(woken.wait(), 60)
        assert switch.is_active

    asyncio.run(scenario())
