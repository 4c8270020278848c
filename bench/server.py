"""``python -m bench server``: what the server adds to the engine's time, and how it starts."""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import psutil

from bench.make_traces import TRACES
from bench.records import percentile
from bench.replay import Edit, Keystroke, replay
from bench.result_file import write_result
from bench.server_figures import answer_figures
from bench.stdio_client import StdioClient, TimedAnswer, start_server
from bench.trace import read_trace
from coder_lsp.documents.document import line_start
from coder_lsp.lsp.commands import STATS_COMMAND

NUM_STARTS = 15
LEAST_REQUESTS = 200
_TYPED = "python-typing.jsonl"
_ECHO = "bench.echo_server"
_URI = "file:///bench/server/settings.py"
_EXPLICIT = 1  # inlineCompletion's trigger kind: asked for, so that no debounce is waited for


@click.command()
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
@click.option("--requests", default=LEAST_REQUESTS, show_default=True)
@click.option("--starts", default=NUM_STARTS, show_default=True)
@click.option("--model", default="", metavar="DIR", help="Default: the embedded model.")
@click.option("--script", default="", metavar="FILE", help="Let the scripted backend answer.")
def command(out: Path, requests: int, starts: int, model: str, script: str) -> None:
    """Time the server beside a bare pygls server that echoes; bench/README.md says what counts."""
    # Without the disk cache: each start is to be a first one.
    model_settings = {"model": model, "diskCache": False}
    chosen = {"backend": "scripted", "script": script} if script else model_settings
    # An explicit request is to take what one completion takes.
    settings = {**chosen, "alternatives": 1}
    report = asyncio.run(_measure(requests, starts, settings))
    write_result(out, report)


async def _measure(requests: int, starts: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    overhead, echo, rss_bytes = await _interleaved(requests, settings)
    ours, bare, first = await _start_often(starts, settings)
    return {
        "requests": len(overhead),
        "overhead_ms": _two_figures(overhead),
        "echo_ms": _two_figures(echo),
        "initialize_ms": round(statistics.median(ours), 1),
        "bare_pygls_initialize_ms": round(statistics.median(bare), 1),
        "first_completion_ms": round(statistics.median(first), 1),
        "rss_bytes": rss_bytes,
        "load": round(psutil.getloadavg()[0], 2),
    }


async def _interleaved(
    requests: int, settings: Mapping[str, Any]
) -> tuple[list[float], list[float], int]:
    """Type into both servers, one keystroke here, one there; return overheads and echo times."""
    keystrokes = list(islice(replay(read_trace(TRACES / _TYPED)), requests + 1))
    overhead, echo = [], []
    async with (
        start_server("coder_lsp", "serve") as client,
        start_server(_ECHO) as echo_client,
    ):
        await client.initialize(settings)
        await echo_client.initialize({})
        text = keystrokes[0].text
        for opened in (client, echo_client):
            _open(opened, text)
            await _complete(opened, keystrokes[0])  # the cold opening is not counted
        for version, keystroke in enumerate(keystrokes[1:], 2):
            _change(client, text, keystroke, version)
            answer = await _complete(client, keystroke)
            figures = answer_figures((await _stats(client)).result)
            overhead.append(answer.answer_ms - (figures.generation_ms or 0.0))
            _change(echo_client, text, keystroke, version)
            echo.append((await _complete(echo_client, keystroke)).answer_ms)
            text = keystroke.text
        rss_bytes = psutil.Process(client.pid).memory_info().rss
    return overhead, echo, rss_bytes


async def _start_often(
    starts: int, settings: Mapping[str, Any]
) -> tuple[list[float], list[float], list[float]]:
    """Start both servers in turn; return times to ``initialize``'s answer and to a completion."""
    ours, bare, first = [], [], []
    keystroke = next(replay(read_trace(TRACES / _TYPED)))
    for _ in range(starts):
        async with start_server(_ECHO) as echo_client:
            bare.append(await echo_client.initialize({}))
        async with start_server("coder_lsp", "serve") as client:
            ours.append(await client.initialize(settings))
            _open(client, keystroke.text)
            await _complete(client, keystroke)
            first.append(client.age_ms)
    return ours, bare, first


def _open(client: StdioClient, text: str) -> None:
    document = {"uri": _URI, "languageId": "python", "version": 1, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": document})


def _change(client: StdioClient, text: str, keystroke: Keystroke, version: int) -> None:
    changes = []
    for edit in keystroke.edits:
        changes.append({"range": _range(text, edit), "text": edit.text})
        text = text[: edit.start] + edit.text + text[edit.end :]
    document = {"uri": _URI, "version": version}
    params = {"textDocument": document, "contentChanges": changes}
    client.notify("textDocument/didChange", params)


async def _complete(client: StdioClient, keystroke: Keystroke) -> TimedAnswer:
    params = {
        "textDocument": {"uri": _URI},
        "position": _position(keystroke.text, keystroke.cursor),
        "context": {"triggerKind": _EXPLICIT},
    }
    return await client.request("textDocument/inlineCompletion", params)


async def _stats(client: StdioClient) -> TimedAnswer:
    return await client.request("workspace/executeCommand", {"command": STATS_COMMAND})


def _range(text: str, edit: Edit) -> dict[str, Any]:
    return {"start": _position(text, edit.start), "end": _position(text, edit.end)}


def _position(text: str, offset: int) -> dict[str, int]:
    """Return an LSP position in UTF-32; the traces' lines end at newlines only."""
    start = line_start(text, offset)
    return {"line": text.count("\n", 0, start), "character": offset - start}


def _two_figures(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "p95": round(percentile(values, 0.95), 3),
    }
