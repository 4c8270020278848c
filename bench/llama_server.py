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
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FirstToken:
    """What came of one request; ``timings`` are llama-server's own figures of it."""

    time_to_first_token_ms: float
    total_ms: float
    text: str
    timings: dict[str, Any]


class LlamaServer:
    """A running llama-server. One connection is kept open: connecting is not what is measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=300)

    def stream(self, path: str, request: dict[str, Any]) -> FirstToken:
        """Send a request that streams; return when it has ended. Raises ``PeerError``.

        Time counts from when the request is sent to when the first token is known, be it that the
        model ends here.
        """
        body = json.dumps({**request, "stream": True}).encode()
        started = time.perf_counter()
        first: float | None = None
        text, last = "", dict[str, Any]()
        response = self._send(path, body)
        for line in response:
            if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
                continue
            if first is None:
                first = time.perf_counter()
            last = json.loads(line[6:])
            if "error" in last:
                raise PeerError(f"llama-server refused {path}: {last['error']}.")
            text += last.get("content", "")
        if first is None:
            raise PeerError(f"llama-server's answer to {path} had no token in it.")
        ended = time.perf_counter()
        timings = last.get("timings", {})
        return FirstToken(1000 * (first - started), 1000 * (ended - started), text, timings)

    def ask(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer. Raises ``PeerError``."""
        answer: dict[str, Any] = json.loads(self._send(path, json.dumps(request).encode()).read())
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, path: str, body: bytes) -> http.client.HTTPResponse:
        self._connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
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
            server = LlamaServer(port)
            yield server
            server.close()
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
    tail = "".join(log.readlines()[-15:])
    raise PeerError(f"llama-server did not come up. Its log ends with:\n{tail}")


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
