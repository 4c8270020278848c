"""``python -m bench opening``: the first answer in a large file, and the whole window behind it.

Through the real server. The first request comes right after the file is opened; then nothing is
asked until the server has computed the whole window in idle time, and the request is repeated with
one character more.
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.result_file import write_result
from bench.source_prompts import source_texts
from bench.stdio_client import StdioClient, start_server
from coder_lsp.cli.options import parse_model

_URI = "file:///opening.py"
_POLL_SECONDS = 0.2
_QUIET_POLLS = 10
"""So many looks that found nothing new computed mean that the server has done its idle work."""


@click.command("opening")
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--lines", default=2000, show_default=True)
@click.option("--time-budget-ms", default=600, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
def command(model: str, lines: int, time_budget_ms: int, out: Path) -> None:
    """Open a large file, ask at once, and ask again when the server has gone quiet."""
    settings = {"model": model, "timeBudgetMs": time_budget_ms, "diskCache": False}
    figures = asyncio.run(_measure(settings, lines))
    write_result(out, figures)
    click.echo(json.dumps(figures))


async def _measure(settings: dict[str, Any], num_lines: int) -> dict[str, Any]:
    text = "\n".join("".join(source_texts(60)).split("\n")[:num_lines]) + "\n"
    async with start_server("coder_lsp", "serve") as client:
        await client.initialize(settings)
        editor = _Editor(client)
        editor.open("untitled:warm_up", "x = ")  # waits for the model
        await editor.complete("untitled:warm_up", 0, 4)
        editor.open(_URI, text)
        line = text[: len(text) // 2].count("\n")
        first = await editor.complete(_URI, line, 0)
        await editor.wait_until_quiet()
        editor.insert(_URI, line, "x")
        whole = await editor.complete(_URI, line, 1)
    return {
        "lines": text.count("\n"),
        "time_budget_ms": settings["timeBudgetMs"],
        "first": first.described(),
        "whole": whole.described(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    answer_ms: float
    last: dict[str, Any]

    def described(self) -> dict[str, Any]:
        names = {"numPromptTokens": "prompt_tokens", "numNewTokens": "new_tokens"}
        figures = {name: self.last.get(key) for key, name in names.items()}
        return {"answer_ms": round(self.answer_ms, 1), **figures}


class _Editor:
    """Opens, edits and asks, as an editor does."""

    def __init__(self, client: StdioClient) -> None:
        self._client = client

    def open(self, uri: str, text: str) -> None:
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self._client.notify("textDocument/didOpen", {"textDocument": item})

    def insert(self, uri: str, line: int, text: str) -> None:
        position = {"line": line, "character": 0}
        change = {"range": {"start": position, "end": position}, "text": text}
        self._client.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]},
        )

    async def complete(self, uri: str, line: int, character: int) -> _Answer:
        params = {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2},
        }
        answer = await self._client.request("textDocument/inlineCompletion", params)
        return _Answer(answer.answer_ms, (await self._stats())["lastCompletion"])

    async def wait_until_quiet(self) -> None:
        """Wait until the counters of what is computed ahead have stood still for a while."""
        before, num_quiet = -1, 0
        while num_quiet < _QUIET_POLLS:
            await asyncio.sleep(_POLL_SECONDS)
            now = (await self._stats())["session"]["background_tokens"]
            num_quiet = num_quiet + 1 if now == before else 0
            before = now

    async def _stats(self) -> dict[str, Any]:
        answer = await self._client.request(
            "workspace/executeCommand", {"command": "coder-lsp.stats", "arguments": []}
        )
        result: dict[str, Any] = answer.result
        return result
