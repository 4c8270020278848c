"""Finds llama-server, starts it with a model, and ends it."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import PeerError
from bench.install.llama_server import installed_llama_server

HOST = "127.0.0.1"
_START_SECONDS = 120.0
_ANSWER_SECONDS = 300.0
_END_SECONDS = 5.0
_NUM_LOG_LINES = 15
_DEBUGGER = re.compile(r"#\d+ |\[New LWP|\[Inferior|warning: |0x[0-9a-f]+ in ")
"""Lines of gdb, which llama-server starts when it aborts: its frames and its notices."""


@dataclass(frozen=True, slots=True)
class FirstToken:
    """What came of one request; ``timings`` are llama-server's own figures of it."""

    time_to_first_token_ms: float
    total_ms: float
    text: str
    timings: dict[str, Any]


class LlamaServer:
    """A running llama-server. Connecting to it is not part of what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port

    def stream(self, path: str, request: dict[str, Any]) -> FirstToken:
        """Send a request that streams; return when it has ended. Raises ``PeerError``.

        Time counts from when the request is sent to when the first token is known, be it that the
        model ends here.
        """
        body = json.dumps({**request, "stream": True}).encode()
        first: float | None = None
        text, last = "", dict[str, Any]()
        with self._connected() as connection:
            started = time.perf_counter()
            for line in self._send(connection, path, body):
                if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
                    continue
                if first is None:
                    first = time.perf_counter()
                last = json.loads(line[6:])
                text += last.get("content", "")
            ended = time.perf_counter()
        if first is None or "timings" not in last:
            raise PeerError(f"llama-server's answer to {path} has no end; it said {last}.")
        timings = last["timings"]
        return FirstToken(1000 * (first - started), 1000 * (ended - started), text, timings)

    def ask(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer. Raises ``PeerError``."""
        with self._connected() as connection:
            response = self._send(connection, path, json.dumps(request).encode())
            answer: dict[str, Any] = json.loads(response.read())
        return answer

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_ANSWER_SECONDS)
        try:
            connection.connect()
            yield connection
        except (OSError, http.client.HTTPException) as exc:
            raise PeerError(f"llama-server did not answer: {exc or type(exc).__name__}.") from exc
        finally:
            connection.close()

    def _send(
        self, connection: http.client.HTTPConnection, path: str, body: bytes
    ) -> http.client.HTTPResponse:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != http.client.OK:
            problem = response.read().decode(errors="replace")
            raise PeerError(f"llama-server answered {path} with {response.status}: {problem}")
        return response


def find_llama_server() -> Path:
    """Return the program: ``LLAMA_SERVER``, else on PATH, else ours. Raises ``PeerError``."""
    named = os.environ.get("LLAMA_SERVER")
    found = named or shutil.which("llama-server") or str(installed_llama_server())
    if not Path(found).exists():
        raise PeerError(
            f"There is no llama-server at {found}. Name one in LLAMA_SERVER, put one on PATH, or "
            "run: python -m bench install"
        )
    return Path(found)


def llama_server_version(program: Path) -> str:
    """Return what the program says of itself, such as ``0.7.0 (build 11669)``."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"version: (.*)", told.stdout + told.stderr)
    if match is None:
        raise PeerError(f"{program} --version tells no version; is it llama-server?")
    return match[1]


def llama_server_environment() -> dict[str, str]:
    """Return the variables that set llama-server's options, which a report has to name."""
    return {n: v for n, v in sorted(os.environ.items()) if n.startswith("LLAMA_ARG_")}


@contextmanager
def running_llama_server(
    program: Path, model: Path, num_threads: int, flags: Sequence[str]
) -> Iterator[LlamaServer]:
    """Run llama-server on a free port while the block runs. Raises ``PeerError``."""
    port = _free_port()
    command = [
        *(str(program), "--host", HOST, "--port", str(port)),
        *("--model", str(model.resolve()), "--parallel", "1", "--no-webui"),
        *("--threads", str(num_threads), "--threads-batch", str(num_threads), *flags),
    ]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(process, port, log)
            yield LlamaServer(port)
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Any) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _is_healthy(port):
            return
        time.sleep(0.05)
    log.seek(0)
    raise PeerError(
        f"llama-server did not come up. Its log ends with:\n{end_of_log(log.readlines())}\n"
        "If it aborted on a processor with AMX, set LLAMA_ARG_REPACK=0 and try again."
    )


def end_of_log(lines: Sequence[str]) -> str:
    """Return the last lines of llama-server's own log, without those that its debugger added."""
    own = [line for line in lines if not _DEBUGGER.match(line)]
    return "".join(own[-_NUM_LOG_LINES:]).rstrip()


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
