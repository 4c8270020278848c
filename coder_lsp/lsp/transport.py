"""Bytes in, messages handled, bytes out: standard input and output, or one TCP connection."""

import asyncio
import contextlib
import logging
import os
import sys
import threading

from coder_lsp.errors import SettingsError
from coder_lsp.lsp import notices
from coder_lsp.lsp.protocol import CoderProtocol

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 16


async def serve_stdio(protocol: CoderProtocol) -> None:
    """Serve until ``exit`` or the end of standard input, which is how an editor's death shows."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    protocol.set_writer(_PipeWriter(_take_stdout(), reader))
    # A daemon, since nothing can end a blocking read: the process shall not wait for it.
    threading.Thread(target=_pump, args=(loop, reader), name="stdin", daemon=True).start()
    await _handle_messages(protocol, reader)


async def serve_tcp(protocol: CoderProtocol, host: str, port: int) -> None:
    """Serve the first client that connects. Raises ``SettingsError`` when it cannot listen."""
    served: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.close()
        protocol.set_writer(writer)
        try:
            await _handle_messages(protocol, reader)
        finally:
            writer.close()
            served.set_result(None)

    try:
        listener = await asyncio.start_server(serve, host, port)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise SettingsError(notices.cannot_listen(host, port, reason)) from exc
    _log.info("Listening on %s:%d", host, port)
    await served


async def _handle_messages(protocol: CoderProtocol, reader: asyncio.StreamReader) -> None:
    while not protocol.has_exited:
        body = await _read_body(reader)
        if body is None:
            return
        protocol.handle_body(body)
        # Gives a request's coroutine its first step, in which it freezes the document, before the
        # next message may change that; reading alone does not wait when bytes are there already.
        await asyncio.sleep(0)


async def _read_body(reader: asyncio.StreamReader) -> bytes | None:
    """Read one message's content; None at the end of the stream."""
    length: int | None = None
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while line := await _read_line(reader):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
            elif not line.strip() and length is not None:
                return await reader.readexactly(length)
    return None


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Read one header line; empty at the end of the stream."""
    while True:
        try:
            return await reader.readline()
        except ValueError:  # longer than any header: whoever sent it does not speak LSP
            _log.warning("A header line of more than 64 KiB was skipped")


def _pump(loop: asyncio.AbstractEventLoop, reader: asyncio.StreamReader) -> None:
    """Carry standard input into the event loop.

    Reads the descriptor itself: the lock of ``sys.stdin.buffer``, held while it waits for input,
    would make the interpreter abort when it exits.
    """
    descriptor = sys.stdin.fileno()
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
        while chunk := _read(descriptor):
            loop.call_soon_threadsafe(reader.feed_data, chunk)
        loop.call_soon_threadsafe(reader.feed_eof)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError:  # Windows tells of a broken pipe where others see its end
        return b""


class _PipeWriter:
    """Writes to a pipe; when nobody reads it any more, the server need not go on."""

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

    Whatever else is printed, by a native library too, goes to standard error from now on.
    """
    sys.stdout.flush()
    descriptor = sys.stdout.fileno()
    taken = os.dup(descriptor)
    os.dup2(sys.stderr.fileno(), descriptor)
    return taken
