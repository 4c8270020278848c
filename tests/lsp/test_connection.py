"""How a connection begins and ends: one client over TCP, and the editor's process."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys

import psutil
import pytest

from coder_lsp.errors import SettingsError
from coder_lsp.lsp import editor_process, transport
from coder_lsp.lsp.app import create_server
from coder_lsp.lsp.editor_process import find_process, wait_for_end
from coder_lsp.settings import Settings

_PATIENCE_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server():
    server = create_server(Settings(backend="scripted"))
    yield server
    assert server.scheduler.close(timeout_seconds=60)


def message(method, message_id=None, **params):
    fields = {"jsonrpc": "2.0", "method": method, "params": params}
    body = json.dumps(fields if message_id is None else {**fields, "id": message_id}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


INITIALIZE = message("initialize", 1, processId=None, rootUri=None, capabilities={})


@contextlib.asynccontextmanager
async def connected(*ports):
    """Connect as soon as the server listens; the server takes no client before the last one."""
    sockets = []
    while not sockets:
        with contextlib.suppress(ConnectionError):
            sockets = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        await asyncio.sleep(0.01)
    streams = [await asyncio.open_connection(sock=sock) for sock in sockets]
    try:
        yield [end for stream in streams for end in stream]
    finally:
        for _, writer in streams:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(server):
    """Serve over TCP; yield the port and the task that serves."""
    port = free_port()
    task = asyncio.create_task(transport.serve_tcp(server.protocol, "127.0.0.1", port))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        yield port, task
        await task


async def answer(reader):
    header = await reader.readuntil(b"\r\n\r\n")
    length = int(header.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


@pytest.mark.asyncio
async def test_a_second_connection_does_not_take_the_first_ones_answers(server):
    async with (
        serving(server) as (port, _),
        connected(port, port) as (first, first_writer, second, second_writer),
    ):
        for writer in (first_writer, second_writer):
            writer.write(INITIALIZE)
        answers = await asyncio.gather(answer(first), answer(second), return_exceptions=True)

        assert answers[0]["id"] == 1
        assert isinstance(answers[1], (asyncio.IncompleteReadError, ConnectionError))
        first_writer.write(message("exit"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\n",
        b"GET / HTTP/1.1\r\n",
        b"Origin: http://x.y\r\n",
        b"anything\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
    ],
    ids=lambda head: head[:10].decode(),
)
async def test_over_tcp_what_is_not_lsp_ends_the_connection(server, head):
    async with serving(server) as (port, _), connected(port) as (reader, writer):
        writer.write(head + INITIALIZE)

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


@pytest.mark.asyncio
async def test_the_headers_of_lsp_are_taken(server):
    async with serving(server) as (port, _), connected(port) as (reader, writer):
        writer.write(b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" + INITIALIZE)

        assert (await answer(reader))["id"] == 1
        writer.write(message("exit"))


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_no_other_machine_may_connect(server, host):
    with pytest.raises(SettingsError, match="other machines"):
        await transport.serve_tcp(server.protocol, host, free_port())


@pytest.fixture
def child():
    """A process that lives until its input ends; nobody waits for it, so it becomes a zombie."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield process
    process.stdin.close()
    process.wait()


@pytest.mark.asyncio
async def test_the_server_ends_with_the_editors_process_though_the_pipe_is_open(
    server, child, monkeypatch
):
    monkeypatch.setattr(editor_process, "_SECONDS_BETWEEN_LOOKS", 0.01)
    initialize = message("initialize", 1, processId=child.pid, rootUri=None, capabilities={})
    async with serving(server) as (port, task), connected(port) as (reader, writer):
        writer.write(initialize + message("initialized"))
        assert (await answer(reader))["id"] == 1
        assert not task.done()

        child.stdin.close()

        while await reader.read(1000):  # the status
            pass
    assert server.protocol.exit_status == 1


@pytest.mark.asyncio
async def test_a_process_that_has_ended_is_known_to_have(child):
    process = find_process(child.pid)
    child.stdin.close()

    async with asyncio.timeout(_PATIENCE_SECONDS):
        await wait_for_end(process)


def test_a_process_that_is_not_alive_is_not_watched(child):
    child.stdin.close()
    psutil.Process(child.pid).wait()

    assert find_process(child.pid) is None


@pytest.mark.parametrize("process_id", [None, 0, -1, 2**31 - 2, 2**70])
def test_a_number_of_no_process_is_not_watched(process_id):
    assert find_process(process_id) is None
