"""``soak``: traces replayed over many documents for a long time, under a small memory budget.

Requests are sent without waiting for the answer to the one before, as fast typists do; each must
be answered, and none with text after a newer request of its document has been answered.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import click
import psutil
from rich.progress import Progress

from bench.editor_documents import EditorDocuments
from bench.make_traces import TRACES
from bench.replay import Keystroke, replay
from bench.result_file import write_result
from bench.trace import Trace, read_traces
from coder_lsp.child_client import ChildClient, start_child
from coder_lsp.cli.options import parse_model
from coder_lsp.documents.document import DocumentSnapshot

_PATIENCE_SECONDS = 30.0
_SAMPLE_SECONDS = 5.0
_WARM_UP = 0.2
"""Share of the time after which the resident memory should stay as it is."""


@dataclass(slots=True)
class Tally:
    """What happened to the requests."""

    requests: int = 0
    shown: int = 0
    unanswered: int = 0
    outdated: int = 0


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--documents", default=20, show_default=True)
@click.option("--cache-megabytes", default=16, show_default=True)
@click.option("--pause-ms", default=60.0, show_default=True, help="Between two keystrokes.")
@click.option("--traces", "traces_dir", type=click.Path(path_type=Path), default=TRACES)
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
def command(
    *,
    minutes: float,
    documents: int,
    cache_megabytes: int,
    pause_ms: float,
    traces_dir: Path,
    model: str,
    out: Path,
) -> None:
    """Replay traces over many documents; report memory and what was left unanswered."""
    traces = read_traces(traces_dir)
    arguments = ("--model", model)
    settings = {"cacheMegabytes": cache_megabytes, "diskCache": False}
    tally, memory = Tally(), list[int]()

    async def run() -> None:
        async with start_child(arguments, settings) as client:
            await client.wait_until_ready()
            async with _sampling(client.pid, memory):
                typists = [
                    _Typist(client, trace, number, tally)
                    for number, trace in zip(range(documents), cycle(traces), strict=False)
                ]
                await _type_in_turn(typists, minutes * 60, pause_ms / 1000)

    asyncio.run(run())
    report = {
        "minutes": minutes,
        "documents": documents,
        "cache_megabytes": cache_megabytes,
        "requests": tally.requests,
        "shown": tally.shown,
        "unanswered": tally.unanswered,
        "outdated": tally.outdated,
        "rss_bytes": _memory_figures(memory),
    }
    write_result(out, report)
    click.echo(json.dumps(report))


class _Typist:
    """Replays one trace over and over; its documents are its own."""

    def __init__(self, client: ChildClient, trace: Trace, number: int, tally: Tally) -> None:
        self._client = client
        self._trace = trace
        self._tally = tally
        self._documents = EditorDocuments(client, f"file:///soak/{number}/")
        self._answered: dict[str, int] = {}
        self._pending: set[asyncio.Task[None]] = set()
        self._keystrokes = self._endless()

    def press(self) -> None:
        """Do the next keystroke and ask for a completion, without waiting for it."""
        document = self._documents.apply(next(self._keystrokes))
        task = asyncio.create_task(self._ask(document))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def end(self) -> None:
        """Wait for what is still unanswered."""
        await asyncio.gather(*self._pending)

    async def _ask(self, document: DocumentSnapshot) -> None:
        self._tally.requests += 1
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                completion = await self._client.complete(document)
        except TimeoutError:
            self._tally.unanswered += 1
            return
        newest = self._answered.get(document.uri, 0)
        if completion.ghost_text:
            self._tally.shown += 1
            self._tally.outdated += document.version < newest
        self._answered[document.uri] = max(newest, document.version)

    def _endless(self) -> Iterator[Keystroke]:
        while True:
            yield from replay(self._trace)


async def _type_in_turn(typists: Sequence[_Typist], seconds: float, pause: float) -> None:
    """Let each typist press a few keys, then the next one, until the time is over."""
    started = time.monotonic()
    with Progress() as progress:
        task = progress.add_task("typing", total=seconds)
        for typist in cycle(typists):
            for _ in range(25):
                typist.press()
                await asyncio.sleep(pause)
            elapsed = time.monotonic() - started
            progress.update(task, completed=elapsed)
            if elapsed > seconds:
                break
    for typist in typists:
        await typist.end()


@asynccontextmanager
async def _sampling(pid: int, memory: list[int]) -> AsyncIterator[None]:
    """Sample a process's resident memory while the block runs."""

    async def sample() -> None:
        process = psutil.Process(pid)
        while True:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(_SAMPLE_SECONDS)

    sampler = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampler.cancel()


def _memory_figures(memory: Sequence[int]) -> dict[str, float]:
    """Compare the time just after the warm-up with the end."""
    share = max(1, int(len(memory) * _WARM_UP))
    after_warm_up = statistics.median(memory[share : 2 * share] or memory)
    at_end = statistics.median(memory[-share:])
    return {
        "after_warm_up": after_warm_up,
        "at_end": at_end,
        "growth": at_end / after_warm_up - 1,
        "max": max(memory),
    }
