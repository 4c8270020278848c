"""The least client that can time a language server: JSON-RPC over a child's pipes, and a clock.

It knows no types, so that a measurement holds little of the client's own time.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from coder_lsp.child_client import uncounted

_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """A request's result, and the time from writing the request to having read the answer."""

    result: Any
    answer_ms: float


class StdioClient:
    """A server that runs as a child. Requests that it sends are answered with null."""

    def __init__(self, process: asyncio.subprocess.Process, started: float) -> None:
        self._started = started
        self._process = process
        self._ids = itertools.count(1)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def age_ms(self) -> float:
        """Milliseconds since the process was started."""
        return 1000 * (time.perf_counter() - self._started)

    async def request(self, method: str, params: Any) -> TimedAnswer:
        """Send a request and wait for its answer. Raises ``BenchError``."""
        message_id = next(self._ids)
        sent = self._send(message_id, method, params)
        message = await self._answer_to(message_id)
        answer_ms = 1000 * (time.perf_counter() - sent)
        if "error" in message:
            raise BenchError(f"The server refused {method}: {message['error']}.")
        return TimedAnswer(message.get("result"), answer_ms)

    async def request_in_vain(
        self, method: str, params: Any, after_seconds: float, end: tuple[str, Any] | None
    ) -> float | None:
        """Send a request and, later, what ends it; return the milliseconds to the answer from then.

        ``end`` is a notification, None stands for cancelling the request. The result is None where
        the request had been answered before.
        """
        message_id = next(self._ids)
        self._send(message_id, method, params)
        answer = asyncio.create_task(self._answer_to(message_id))
        await asyncio.wait((answer,), timeout=after_seconds)
        if answer.done():
            answer.result()
            return None
        ended = time.perf_counter()
        self.notify(*(end or ("$/cancelRequest", {"id": message_id})))
        await answer
        return 1000 * (time.perf_counter() - ended)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._write(_encode({"method": method, "params": params}))

    async def initialize(self, settings: Mapping[str, Any]) -> float:
        """Initialize, and return the milliseconds since the process was started."""
        capabilities = {
            "general": {"positionEncodings": ["utf-32"]},
            "textDocument": {"inlineCompletion": {}},
        }
        params = {
            "processId": None,
            "rootUri": None,
            "capabilities": capabilities,
            "initializationOptions": dict(settings),
        }
        await self.request("initialize", params)
        took_ms = self.age_ms
        self.notify("initialized", {})
        return took_ms

    async def end(self) -> None:
        """End the server politely, or kill it when that takes too long."""
        with contextlib.suppress(TimeoutError, BenchError, ConnectionError):
            async with asyncio.timeout(_END_SECONDS):
                await self.request("shutdown", None)
                self.notify("exit", None)
                await self._process.wait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _send(self, message_id: int, method: str, params: Any) -> float:
        """Write a request; return the moment before."""
        body = _encode({"id": message_id, "method": method, "params": params})
        sent = time.perf_counter()
        self._write(body)
        return sent

    async def _answer_to(self, message_id: int) -> dict[str, Any]:
        while True:
            message = await self._read()
            if "method" in message:
                self._answer(message)
            elif message.get("id") == message_id:
                return message

    def _answer(self, message: Mapping[str, Any]) -> None:
        if "id" in message:
            self._write(_encode({"id": message["id"], "result": None}))

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    async def _read(self) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        length = 0
        while line := await stream.readline():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif not line.strip():
                message: dict[str, Any] = json.loads(await stream.readexactly(length))
                return message
        raise BenchError("The server ended before it answered.")


@asynccontextmanager
async def start_server(module: str, *arguments: str) -> AsyncIterator[StdioClient]:
    """Run ``python -m MODULE ARGUMENTS`` while the block runs."""
    command: Sequence[str] = (sys.executable, "-m", module, *arguments)
    with uncounted() as environment:
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        client = StdioClient(process, started)
        try:
            yield client
        finally:
            await client.end()


def _encode(message: Mapping[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
