"""The scheduler: each request gets one answer, and work has one owner."""

import asyncio
import contextlib
import gc
import threading
import weakref

import pytest

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.errors import EngineError
from coder_lsp.generation import GenerationChunk, GenerationOptions, GenerationUsage
from coder_lsp.request import Request
from coder_lsp.scheduling import ahead, scheduler
from coder_lsp.scheduling.scheduler import Scheduler
from coder_lsp.settings import Settings
from tests.support.snapshots import snapshot_of


class HeldBackend:
    """Says ``texts`` in turn, each after ``go`` is set; counts what it is asked."""

    model, is_instruct, notices, time_budget_ms = "held", False, (), 60_000

    def __init__(self, *texts):
        self.texts = list(texts)
        self.go = threading.Event()
        self.asked = []
        self.forgotten = []
        self.prepare_error = None

    def stream(self, request, cancellation):
        self.asked.append(request)
        text = self.texts.pop(0) if self.texts else ""
        self.wait(cancellation)
        reason = "cancelled" if cancellation.is_cancelled else "stop"
        usage = GenerationUsage(num_generated_tokens=1)
        yield GenerationChunk("" if reason == "cancelled" else text, usage=usage)
        yield GenerationChunk("", finish_reason=reason, usage=usage)

    def wait(self, cancellation):
        interrupted = threading.Event()
        with cancellation.interrupting(interrupted.set):
            while not self.go.wait(0.002) and not interrupted.is_set():
                pass

    def prepare(self, request, cancellation, on_progress=None):
        if self.prepare_error is not None:
            raise self.prepare_error
        return 0

    def forget(self, uri):
        self.forgotten.append(uri)

    def stats(self):
        return {}

    def close(self):
        pass


class Observer:
    def __init__(self):
        self.reported = []

    def waiting(self):
        return contextlib.nullcontext()

    def succeed(self): ...

    def warm_up(self, percent): ...

    def end_warming_up(self): ...

    def report(self, error):
        self.reported.append(error)


class Desk:
    """A scheduler with its backend; ``loaded`` holds loading back."""

    def __init__(self, *texts, settings=None):
        self.backend = HeldBackend(*texts)
        self.may_load = threading.Event()
        self.observer = Observer()
        settings = settings or Settings(time_budget_ms=60_000)
        self.scheduler = Scheduler(settings, self._load, self.observer)

    def _load(self, settings):
        self.may_load.wait(60)
        return self.backend

    async def load(self):
        self.may_load.set()
        await self.scheduler.load()

    def ask(self, marked, feature="inline", **fields):
        snapshot = snapshot_of(marked)
        request = Request(snapshot, GenerationOptions(), feature=feature, **fields)
        return asyncio.ensure_future(self.scheduler.complete(request))

    async def settle(self):
        """Let what has been begun run as far as it can without the backend."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def until(self, has_happened):
        while not has_happened():  # noqa: ASYNC110 (the engine's thread has no event for the loop)
            await asyncio.sleep(0.002)


def play(scenario):
    """Run a scenario, and end its scheduler."""

    async def whole():
        desks = []

        def desk(*texts, **fields):
            desks.append(Desk(*texts, **fields))
            return desks[-1]

        try:
            await scenario(desk)
        finally:
            for one in desks:
                one.may_load.set()
                one.backend.go.set()
                assert one.scheduler.close(60)

    asyncio.run(asyncio.wait_for(whole(), 60))


def edited(text):
    document = OpenDocument("file:///a.py", 1, "python", "")
    document.replace(0, 0, text)
    return document


def test_a_request_after_one_that_was_cancelled_while_the_model_loads_is_answered(monkeypatch):
    """The first one's generation has not begun; as an orphan it is withdrawn, not answered from."""
    monkeypatch.setattr(scheduler, "ORPHAN_SECONDS", 0)

    async def scenario(desk):
        one = desk("foo(1)")
        loading = one.scheduler.load()
        first = one.ask("x = ‸")
        await one.settle()
        first.cancel()
        await asyncio.sleep(0.01)
        second = one.ask("x = ‸")
        await one.settle()
        one.may_load.set()
        one.backend.go.set()
        await loading
        assert (await second).text == "foo(1)"

    play(scenario)


def test_a_plain_request_does_not_wait_for_the_model_to_load():
    async def scenario(desk):
        one = desk("foo(1)", settings=Settings(time_budget_ms=30))
        one.scheduler.load()
        plain, inline = one.ask("x = ‸", "plain"), one.ask("x = ‸")

        assert (await plain).text == ""
        assert not inline.done()
        one.may_load.set()
        one.backend.go.set()
        assert (await inline).text == "foo(1)"

    play(scenario)


def test_a_failure_while_preparing_is_reported(monkeypatch):
    monkeypatch.setattr(ahead, "PREPARE_SECONDS", 0)

    async def scenario(desk):
        one = desk("foo(1)")
        await one.load()
        one.backend.go.set()
        one.backend.prepare_error = EngineError("no memory")
        await one.ask("x = ‸")
        await one.until(lambda: one.observer.reported)

        assert one.observer.reported == [one.backend.prepare_error]

    play(scenario)


def test_a_generation_that_a_request_waits_for_is_not_dropped_for_work_ahead(monkeypatch):
    """An answer from the recent completions begins work ahead, also of the same document."""
    monkeypatch.setattr(ahead, "PREPARE_SECONDS", 0)
    monkeypatch.setattr(ahead, "AHEAD_SECONDS", 0)

    async def scenario(desk):
        one = desk("foo(1)", "bar(2)", "baz(3)")
        await one.load()
        one.backend.go.set()
        await one.ask("x = ‸\ny = \n", "plain")
        await one.until(lambda: len(one.backend.asked) == 2)  # the text after an acceptance
        one.backend.go.clear()
        slow = one.ask("x = \ny = ‸\n")
        await one.until(lambda: len(one.backend.asked) == 3)
        recent = await one.ask("x = ‸\ny = \n", "plain")
        await asyncio.sleep(0.05)
        one.backend.go.set()

        assert (recent.text, recent.source) == ("foo(1)", "completion cache")
        assert (await slow).text == "baz(3)"

    play(scenario)


def test_keystrokes_while_the_model_loads_keep_no_text():
    async def scenario(desk):
        one = desk()
        one.scheduler.load()
        kept = []
        for i in range(50):
            asked = one.ask(f"x = {'y' * i}‸ + {'z' * (50 - i)}")
            await one.settle()
            kept.append(weakref.ref(one.scheduler._table.of("generation")[-1].generation))
            one.scheduler.document_changed(edited(f"other {i}"))
            await one.settle()
            await asked
        del asked
        gc.collect()

        assert [ref for ref in kept if ref() is not None] == []

    play(scenario)


def test_an_orphan_that_is_waited_for_again_lives_on(monkeypatch):
    monkeypatch.setattr(scheduler, "ORPHAN_SECONDS", 0.03)

    async def scenario(desk):
        one = desk("foo(1)")
        await one.load()
        first = one.ask("x = ‸")
        await one.until(lambda: one.backend.asked)
        first.cancel()
        await one.settle()
        second = one.ask("x = ‸")
        await asyncio.sleep(0.06)  # the first one's timer would have ended it by now
        second.cancel()
        await one.settle()
        third = one.ask("x = ‸")
        await one.settle()
        one.backend.go.set()

        assert (await third).text == "foo(1)"
        assert len(one.backend.asked) == 1

    play(scenario)


@pytest.mark.parametrize("event", ["closed", "settings"])
def test_what_ends_late_is_not_kept_for_later(event):
    async def scenario(desk):
        one = desk("foo(1)", "bar(2)")
        await one.load()
        asked = one.ask("x = ‸")
        await one.until(lambda: one.backend.asked)
        if event == "closed":
            one.scheduler.document_closed("file:///a.py")
        else:
            one.scheduler.apply_settings(Settings(time_budget_ms=60_000, max_new_tokens=8))
        one.backend.go.set()
        assert await asked is None
        answer = await one.ask("x = ‸")

        assert (answer.text, answer.source) == ("bar(2)", "model")

    play(scenario)


def test_a_document_that_is_opened_again_has_no_work_of_the_old_text():
    async def scenario(desk):
        one = desk("foo(1)", "bar(2)")
        await one.load()
        asked = one.ask("x = ‸")
        await one.until(lambda: one.backend.asked)
        one.scheduler.document_opened("file:///a.py")
        one.backend.go.set()

        assert await asked is None
        assert one.scheduler._table.of() == []

    play(scenario)


def test_closing_a_document_frees_what_the_backend_keeps():
    async def scenario(desk):
        one = desk()
        await one.load()
        one.scheduler.document_closed("file:///a.py")
        await one.until(lambda: one.backend.forgotten)

        assert one.backend.forgotten == ["file:///a.py"]

    play(scenario)


@pytest.mark.parametrize("is_begun", [True, False])
def test_background_work_gives_way_to_a_request(monkeypatch, is_begun):
    """Work ahead of one document stops as soon as a request of another one needs the engine."""
    monkeypatch.setattr(ahead, "PREPARE_SECONDS", 0)
    monkeypatch.setattr(ahead, "AHEAD_SECONDS", 0)

    async def scenario(desk):
        one = desk("foo(1)", "ahead", "bar(2)") if is_begun else desk("foo(1)", "bar(2)")
        await one.load()
        one.backend.go.set()
        await one.ask("x = ‸")
        one.backend.go.clear()
        if is_begun:
            await one.until(lambda: len(one.backend.asked) == 2)
        other = Request(snapshot_of("y = ‸", uri="file:///b.py"), GenerationOptions())
        answer = asyncio.ensure_future(one.scheduler.complete(other))
        await one.until(lambda: one.backend.asked[-1].snapshot.uri == "file:///b.py")
        one.backend.go.set()

        assert (await answer).text == "bar(2)"

    play(scenario)
