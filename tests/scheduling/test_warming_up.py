"""The full window's computation in idle time, as the user is told of it."""

import asyncio

from coder_lsp.backends.scripted import ScriptedBackend
from coder_lsp.generation import GenerationOptions
from coder_lsp.lsp.status import StatusBoard
from coder_lsp.lsp.switch import Switch
from coder_lsp.request import Request
from coder_lsp.scheduling.ahead import AheadOfUser
from coder_lsp.scheduling.counters import Counters
from coder_lsp.scheduling.dispatcher import Dispatcher
from coder_lsp.settings import Settings
from tests.support.snapshots import snapshot_of


class SlowBackend(ScriptedBackend):
    """Needs a long time for a window, and says so."""

    def prepare(self, request, cancellation, on_progress=None):
        share = 0.0
        while share < 0.5:
            share += 0.0001
            on_progress(share)
        while not cancellation.is_cancelled:
            pass
        return 7


class Sent(list):
    """The statuses sent; waits for one."""

    def __init__(self):
        self._has_more = asyncio.Event()

    def append(self, status):
        super().append(status)
        self._has_more.set()

    async def wait_for(self, progress):
        while self[-1].progress != progress:
            self._has_more.clear()
            await self._has_more.wait()


async def warm_up_and_go_on():
    sent = Sent()
    dispatcher = Dispatcher(lambda _: SlowBackend(()), lambda _: None)
    await dispatcher.load(Settings())
    counters = Counters()
    status = StatusBoard(Switch(lambda: None), sent.append)
    status.end_loading(status.begin_loading(), "slow")
    ahead = AheadOfUser(dispatcher, status, counters)
    ahead.begin(Request(snapshot_of("x = ‸"), GenerationOptions()), shown="")
    await sent.wait_for(50)
    dispatcher.table.drop(dispatcher.table.of("prepare"))
    await sent.wait_for(None)
    assert counters.background_tokens == 7
    assert dispatcher.close(timeout_seconds=5)
    return sent


def test_it_is_told_in_whole_per_cent_until_it_is_interrupted():
    sent = asyncio.run(asyncio.wait_for(warm_up_and_go_on(), timeout=60))

    told = [s.progress for s in sent if s.progress is not None]
    assert told[-1] == 50
    assert told == sorted(set(told))  # thousands of reports, each per cent told once
    assert sent[-1].kind == "ready"
