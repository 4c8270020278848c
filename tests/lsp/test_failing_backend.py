"""A backend that meets an error: the user is told once, and the server goes on."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from coder_lsp.errors import EngineError
from coder_lsp.lsp import app
from coder_lsp.settings import Settings


class FailingBackend:
    model = "failing"
    is_instruct = False
    notices = ()
    time_budget_ms = 60_000

    def __init__(self, error: Exception) -> None:
        self._error = error

    def stream(self, request: Any, cancellation: Any) -> Iterator[Any]:
        raise self._error

    def prepare(self, request: Any, cancellation: Any, on_progress: Any) -> int:
        return 0

    def forget(self, uri: str) -> None:
        pass

    def stats(self) -> Mapping[str, int | float | str]:
        return {}

    def close(self) -> None:
        pass


class Sent:
    """Takes the place of standard output, and keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._written = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.messages.append(json.loads(data.partition(b"\r\n\r\n")[2]))
        self._written.set()

    async def wait_for_answer(self, message_id: int) -> None:
        while not any(message.get("id") == message_id for message in self.messages):
            self._written.clear()
            await self._written.wait()


DOCUMENT = {"uri": "file:///a", "languageId": "python", "version": 1, "text": "a"}
INLINE = {
    "textDocument": {"uri": "file:///a"},
    "position": {"line": 0, "character": 1},
    "context": {"triggerKind": 1},
}


async def ask_twice(server: app.CoderServer, sent: Sent) -> None:
    initialize = {"processId": None, "rootUri": None, "capabilities": {}}
    for message in (
        {"id": 0, "method": "initialize", "params": initialize},
        {"method": "initialized", "params": {}},
        {"method": "textDocument/didOpen", "params": {"textDocument": DOCUMENT}},
        {"id": 1, "method": "textDocument/inlineCompletion", "params": INLINE},
        {"id": 2, "method": "textDocument/inlineCompletion", "params": INLINE},
    ):
        server.protocol.handle_body(json.dumps({"jsonrpc": "2.0", **message}).encode())
        if "id" in message:
            await sent.wait_for_answer(message["id"])


@pytest.mark.parametrize("error", [EngineError("The graph is broken."), ValueError("a bug")])
def test_an_error_of_the_backend(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "create_backend", lambda _: FailingBackend(error))
    server = app.create_server(Settings())
    sent = Sent()
    server.protocol.set_writer(sent)

    asyncio.run(asyncio.wait_for(ask_twice(server, sent), timeout=60))

    assert server.scheduler.close(timeout_seconds=60)
    answers = {m["id"]: m for m in sent.messages if "id" in m}
    shown = [
        m["params"]["message"] for m in sent.messages if m.get("method") == "window/showMessage"
    ]
    if isinstance(error, EngineError):
        assert [answers[i]["result"] for i in (1, 2)] == [[], []]
        assert shown == ["coder-lsp cannot complete: The graph is broken."]
    else:
        assert [answers[i]["error"]["code"] for i in (1, 2)] == [-32603, -32603]
        assert shown == []
    assert server.scheduler.counters.failed == 2


class CountingBackend(FailingBackend):
    """Meets the same error each time, with another number in its message."""

    def stream(self, request: Any, cancellation: Any) -> Iterator[Any]:
        raise EngineError(f"A prompt of {next(self._numbers)} tokens is too long.", kind="length")

    def __init__(self) -> None:
        self._numbers = itertools.count(1500)


def test_of_errors_of_one_kind_one_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "create_backend", lambda _: CountingBackend())
    server = app.create_server(Settings())
    sent = Sent()
    server.protocol.set_writer(sent)

    asyncio.run(asyncio.wait_for(ask_twice(server, sent), timeout=60))

    assert server.scheduler.close(timeout_seconds=60)
    shown = [m for m in sent.messages if m.get("method") == "window/showMessage"]
    assert len(shown) == 1
    assert server.scheduler.counters.failed == 2
