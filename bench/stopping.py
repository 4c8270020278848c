"""``stopping``: from the moment a generation must stop to a quiet engine, prefill included.

A worker thread generates as the server's engine thread does; the main thread cancels at a random
moment, half of the time while the prompt is computed and half while tokens are decoded. Then the
real server is asked over its pipes, and the time is taken from the end of a request, cancelled by
the client or outdated by an edit, to its answer.
"""

import asyncio
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.result_file import write_result
from bench.stdio_client import StdioClient, start_server
from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import parse_model
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from coder_lsp.settings import Settings

_URI = "file:///stopping.py"
_UNHURRIED_MS = 600_000
_EXPLICIT = 1  # inlineCompletion's trigger kind: asked for, so that no debounce is waited for
_BEGUN_SECONDS = 0.005
"""A request is on its way to the engine then."""


@click.command()
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--trials", default=100, show_default=True)
@click.option("--lines", default=400, show_default=True, help="Of the file that is completed.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "json_path", required=True, type=click.Path(path_type=Path))
def command(model: str, trials: int, lines: int, seed: int, json_path: Path) -> None:
    """Cancel generations at random moments; report how long the engine continues."""
    chance = random.Random(seed)  # noqa: S311 (moments of a measurement)
    text = "".join(f"value_{i} = compute({i}, scale={i % 7})\n" for i in range(lines))
    engine = _measure_engine(model, text, chance, trials)
    ends = asyncio.run(_ends(model, text, chance, trials, engine.prefill_seconds))
    report = {
        "model": engine.model,
        "trials": sum(map(len, engine.stops.values())),
        "ended_before": engine.num_ended_before,
        "stop_ms": {phase: _summary(times) for phase, times in engine.stops.items() if times},
        "all_ms": _summary([ms for times in engine.stops.values() for ms in times]),
        "answer_ms": {end: _summary(times) for end, times in ends.items() if times},
        "answered": {end: len(times) for end, times in ends.items()},
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    write_result(json_path, report)
    click.echo(json.dumps(report))


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """``stops``: milliseconds to a quiet engine, by what was interrupted.

    ``num_ended_before`` counts trials that are not in ``stops``: their generation had ended before
    it was cancelled.
    """

    model: str
    prefill_seconds: float
    stops: Mapping[str, Sequence[float]]
    num_ended_before: int


def _measure_engine(model: str, text: str, chance: random.Random, trials: int) -> EngineFigures:
    """Measure in this process; the model is gone afterwards, since two may not fit the memory."""
    settings = Settings(model=model, time_budget_ms=_UNHURRIED_MS, disk_cache=False)
    backend = LocalBackend.load(settings)
    prefill = _duration(backend, text, num_tokens=1)
    decode = _duration(backend, text, num_tokens=32)
    moments = {"prefill": (0.0, prefill), "decode": (prefill, max(decode, prefill * 1.01))}
    trials_of = {
        phase: [_stop_ms(backend, text, chance.uniform(*span)) for _ in range(trials // 2)]
        for phase, span in moments.items()
    }
    backend.close()
    return engine_figures(backend.model, prefill, trials_of)


def engine_figures(
    model: str, prefill_seconds: float, trials: Mapping[str, Sequence[float | None]]
) -> EngineFigures:
    """Return the figures of trials; None is one whose generation ended before it was cancelled."""
    stops = {phase: [ms for ms in times if ms is not None] for phase, times in trials.items()}
    num_ended_before = sum(ms is None for times in trials.values() for ms in times)
    return EngineFigures(model, prefill_seconds, stops, num_ended_before)


def _request(text: str, num_tokens: int) -> Request:
    snapshot = DocumentSnapshot(_URI, 1, "python", text, len(text))
    return Request(snapshot, GenerationOptions(max_new_tokens=num_tokens))


def _duration(backend: LocalBackend, text: str, *, num_tokens: int) -> float:
    """Return the seconds of a whole generation on an empty cache."""
    backend.forget(_URI)
    started = time.perf_counter()
    for _ in backend.stream(_request(text, num_tokens), CancellationToken()):
        pass
    return time.perf_counter() - started


def _stop_ms(backend: LocalBackend, text: str, moment: float) -> float | None:
    """Cancel a generation ``moment`` seconds after its start; return how long it continued.

    Returns None if it had ended before it was cancelled.
    """
    backend.forget(_URI)
    cancellation = CancellationToken()
    ended: list[float] = []

    def generate() -> None:
        for _ in backend.stream(_request(text, num_tokens=512), cancellation):
            pass
        ended.append(time.perf_counter())

    worker = threading.Thread(target=generate)
    worker.start()
    time.sleep(moment)
    cancelled = time.perf_counter()
    cancellation.cancel()
    worker.join()
    return 1000 * (ended[0] - cancelled) if ended[0] >= cancelled else None


async def _ends(
    model: str, text: str, chance: random.Random, trials: int, busy_seconds: float
) -> dict[str, list[float]]:
    """Return the milliseconds from a request's end to its answer, by what ended it.

    Each request is for a file of its own, so that its prompt has to be computed.
    """
    settings = {
        "model": model,
        "timeBudgetMs": _UNHURRIED_MS,
        "diskCache": False,
        "alternatives": 1,
    }
    times: dict[str, list[float]] = {"cancel": [], "edit": []}
    async with start_server("coder_lsp", "serve") as client:
        await client.initialize(settings)
        for trial in range(trials):
            end = ("cancel", "edit")[trial % 2]
            moment = chance.uniform(_BEGUN_SECONDS, max(busy_seconds, 2 * _BEGUN_SECONDS))
            answer_ms = await _end_ms(client, text, trial, end, moment)
            if answer_ms is not None:
                times[end].append(answer_ms)
    return times


async def _end_ms(
    client: StdioClient, text: str, trial: int, end: str, moment: float
) -> float | None:
    uri = f"file:///stopping/{trial}.py"
    text = f"name = {trial}\n" + text
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": document})
    last = {"line": text.count("\n"), "character": 0}
    params = {
        "textDocument": {"uri": uri},
        "position": last,
        "context": {"triggerKind": _EXPLICIT},
    }
    change: dict[str, Any] = {
        "textDocument": {"uri": uri, "version": 2},
        "contentChanges": [{"range": {"start": last, "end": last}, "text": "\u00a7"}],
    }
    edit = ("textDocument/didChange", change) if end == "edit" else None
    answer_ms = await client.request_in_vain("textDocument/inlineCompletion", params, moment, edit)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return answer_ms


def _summary(times: Sequence[float]) -> dict[str, float] | None:
    if not times:
        return None
    ordered = sorted(times)
    return {
        "median": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "max": ordered[-1],
    }
