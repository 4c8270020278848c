"""Bytes in, messages handled, bytes out: standard input and output, or one TCP connection."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import re
import socket
import sys
import threading

from coder_lsp.errors import SettingsError
from coder_lsp.lsp import notices
from coder_lsp.lsp.protocol import CoderProtocol

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 16
_LENGTH = re.compile(rb"\d{1,10}")


async def serve_stdio(protocol: CoderProtocol) -> None:
    """Serve until ``exit``, or until standard input ends because the editor has ended."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    protocol.set_writer(_PipeWriter(_take_stdout(), reader))
    # A daemon: nothing can end a blocking read, and the process must not wait for it.
    threading.Thread(target=_pump, args=(loop, reader), name="stdin", daemon=True).start()
    await _handle_messages(protocol, reader)


async def serve_tcp(protocol: CoderProtocol, host: str, port: int) -> None:
    """Serve the first client that connects, of this machine only.

    Raises ``SettingsError`` if it cannot listen. A page in a browser can connect too, and send what
    HTTP allows: another header than LSP's ends the connection.
    """
    served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    is_taken = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal is_taken
        if is_taken:  # it connected before the listener was closed
            await _close(writer)
            return
        is_taken = True
        listener.close()
        protocol.set_writer(writer)
        try:
            await _handle_messages(protocol, reader, is_strict=True)
        finally:
            await _close(writer)
            served.set_result(None)

    try:
        if not await _is_loopback(host, port):
            raise SettingsError(notices.not_loopback(host))
        listener = await asyncio.start_server(serve, host, port)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise SettingsError(notices.cannot_listen(host, port, reason)) from exc
    _log.info("Listening on %s:%d", host, port)
    await served


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _is_loopback(host: str, port: int) -> bool:
    """Whether all addresses of a host can be reached from this machine only."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


async def _handle_messages(
    protocol: CoderProtocol, reader: asyncio.StreamReader, *, is_strict: bool = False
) -> None:
    protocol.on_end(reader.feed_eof)
    while not protocol.has_exited:
        body = await _read_body(reader, is_strict=is_strict)
        if body is None or protocol.has_exited:
            return
        protocol.handle_body(body)
        # A request's coroutine takes its first step here, in which it freezes the document, before
        # the next message may change it: reading does not wait if bytes are there already.
        await asyncio.sleep(0)


async def _read_body(reader: asyncio.StreamReader, *, is_strict: bool) -> bytes | None:
    """Read the content of one message; None at the end of the stream.

    A header that LSP does not have is skipped, or ends a strict connection.
    """
    length: int | None = None
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while line := await _read_line(reader):
            name, _, value = (part.strip() for part in line.partition(b":"))
            if name.lower() == b"content-length" and _LENGTH.fullmatch(value):
                length = int(value)
            elif not name and not value and length is not None:
                return await reader.readexactly(length)
            elif is_strict and name.lower() != b"content-type":
                _log.warning("The connection was ended: it does not speak LSP")
                return None
    return None


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Read one header line; empty at the end of the stream."""
    while True:
        try:
            return await reader.readline()
        except ValueError:  # longer than any header of LSP
            _log.warning("A header line of more than 64 KiB was skipped")


def _pump(loop: asyncio.AbstractEventLoop, reader: asyncio.StreamReader) -> None:
    """Carry standard input into the event loop.

    Reads from the descriptor itself. ``sys.stdin.buffer`` holds a lock while it waits for input,
    and an interpreter that exits meanwhile aborts.
    """
    descriptor = sys.stdin.fileno()
    with contextlib.suppress(RuntimeError):  # the loop is closed, so nothing reads any more
        while chunk := _read(descriptor):
            loop.call_soon_threadsafe(reader.feed_data, chunk)
        loop.call_soon_threadsafe(reader.feed_eof)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError:  # Windows reports a broken pipe where other systems report its end
        return b""


class _PipeWriter:
    """Writes to a pipe; if nothing reads from it any more, the server ends."""

    def __init__(self, descriptor: int, reader: asyncio.StreamReader) -> None:
        self._descriptor = descriptor
        self._reader = reader

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._reader.feed_eof()

    def close(self) -> None:
        os.close(self._descriptor)


def _take_stdout() -> int:
    """Keep standard output for the protocol alone, and return its descriptor.

    Everything else that is printed, also by a native library, goes to standard error from now on.
    """
    sys.stdout.flush()
    descriptor = sys.stdout.fileno()
    taken = os.dup(descriptor)
    os.dup2(sys.stderr.fileno(), descriptor)
    return taken
