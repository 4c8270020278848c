"""Replays traces against our server, run as an editor runs it: a child over stdio."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from bench.editor_documents import EditorDocuments
from bench.pacing import Pacing
from bench.records import KeystrokeRecord
from bench.replay import Keystroke, is_pure_typing, replay
from bench.server_figures import (
    BackgroundCounters,
    answer_figures,
    background_counters,
    late_answer_figures,
)
from bench.trace import Trace
from coder_lsp.child_client import ChildClient, start_child

Report = Callable[[str], None]

_MOST_RETRIES = 50


def run_ours(
    traces: Sequence[Trace],
    arguments: Sequence[str],
    settings: Mapping[str, Any],
    pacing: Pacing,
    most_keystrokes: int | None,
    report: Report,
) -> list[KeystrokeRecord]:
    """Replay all traces on one server; ``most_keystrokes`` cuts each. Raises ``CoderError``."""

    async def run() -> list[KeystrokeRecord]:
        records: list[KeystrokeRecord] = []
        async with start_child(arguments, settings) as client:
            await client.wait_until_ready()
            for trace in traces:
                report(trace.name)
                records += await _replay_one(client, trace, pacing, most_keystrokes)
        return records

    return asyncio.run(run())


async def _replay_one(
    client: ChildClient, trace: Trace, pacing: Pacing, most_keystrokes: int | None
) -> list[KeystrokeRecord]:
    loop = asyncio.get_running_loop()
    is_typing = is_pure_typing(trace)
    editor = _Editor(client, trace.name)
    records: list[KeystrokeRecord] = []
    background = background_counters(await client.stats())
    stop = None if most_keystrokes is None else most_keystrokes + 1
    for keystroke in islice(replay(trace), stop):
        sent = loop.time()
        record, counters = await editor.type(keystroke, is_typing=is_typing)
        if records:  # what was done since the answer before belongs to the keystroke before
            records[-1] = _with_background(records[-1], background, counters)
        background = counters
        records.append(record)
        await asyncio.sleep(pacing.seconds_left(keystroke.pause_ms, loop.time() - sent))
    records[-1] = _with_background(
        records[-1], background, background_counters(await client.stats())
    )
    editor.documents.close()
    return records


class _Editor:
    """Types a trace's keystrokes and asks for a completion after each."""

    def __init__(self, client: ChildClient, name: str) -> None:
        self._client = client
        self._name = name
        # Each trace has its own documents, so that none finds what another one left.
        self.documents = EditorDocuments(client, f"file:///bench/{name}/")

    async def type(
        self, keystroke: Keystroke, *, is_typing: bool
    ) -> tuple[KeystrokeRecord, BackgroundCounters]:
        """Do what a keystroke does, and ask for a completion.

        Where the server's time budget is over before the first token, it is asked again: neither
        the time to that token nor the tokens computed for it are to be lost.
        """
        snapshot = self.documents.apply(keystroke)
        answer_ms = (await self._client.complete(snapshot)).answer_ms
        stats = await self._client.stats()
        figures = answer_figures(stats)
        for _ in range(_MOST_RETRIES):
            if figures.is_token_known:
                break
            answer_ms += (await self._client.complete(snapshot)).answer_ms
            stats = await self._client.stats()
            figures = late_answer_figures(stats)
        record = KeystrokeRecord(
            trace=self._name,
            kind=keystroke.kind,
            is_counted=keystroke.kind != "open",
            is_typing=is_typing,
            num_prompt_tokens=figures.num_prompt_tokens,
            num_cached_tokens=figures.num_cached_tokens,
            num_new_tokens=figures.num_new_tokens,
            num_generated_tokens=figures.num_generated_tokens,
            time_to_first_token_ms=figures.time_to_first_token_ms(answer_ms),
            shown_ms=answer_ms,
            source=figures.source,
        )
        return record, background_counters(stats)


def _with_background(
    record: KeystrokeRecord, before: BackgroundCounters, after: BackgroundCounters
) -> KeystrokeRecord:
    return replace(
        record,
        num_background_tokens=after.num_tokens - before.num_tokens,
        num_background_generated_tokens=after.num_generated_tokens - before.num_generated_tokens,
    )
