"""What an answer may tell of an error, without a client."""

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest
from pygls.exceptions import JsonRpcInternalError

from coder_lsp.lsp.app import create_server
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.settings import Settings


class Sent:
    """Takes the place of standard output."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        pass


@pytest.fixture
def server() -> Iterator[CoderServer]:
    server = create_server(Settings())
    yield server
    assert server.scheduler.close(timeout_seconds=60)


def test_an_internal_error_tells_no_path_and_no_text(server: CoderServer) -> None:
    sent = Sent()
    server.protocol.set_writer(sent)
    try:
        int("the user's text")
    except ValueError:
        error = JsonRpcInternalError.of(sys.exc_info()).to_response_error()

    server.protocol._send_response(1, error=error)

    answer = json.loads(sent.data.partition(b"\r\n\r\n")[2])
    assert answer["id"] == 1
    assert answer["error"]["code"] == -32603
    assert "data" not in answer["error"]
    assert "text" not in answer["error"]["message"]


def test_a_message_is_structured_once_and_as_a_whole(server: CoderServer) -> None:
    """Parameters that look like a message themselves are parameters."""
    seen = []
    server.feature("test/method")(lambda params: seen.append(params.inner.jsonrpc))
    inner = {"inner": {"jsonrpc": "2.0", "id": 3, "method": "shutdown"}}
    initialize = {"processId": None, "rootUri": None, "capabilities": {}}
    server.protocol.set_writer(Sent())

    async def handle() -> None:
        for method, params in (("initialize", initialize), ("test/method", inner)):
            message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
            server.protocol.handle_body(json.dumps(message).encode())

    asyncio.run(handle())

    assert seen == ["2.0"]
