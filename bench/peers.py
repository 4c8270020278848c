"""Replays traces against llama-server as llama.vim uses it, in three settings."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.llama_server import (
    LlamaServer,
    find_llama_server,
    llama_server_environment,
    llama_server_version,
    running_llama_server,
)
from bench.llama_vim import LineWindow, infill_request
from bench.ours import Report
from bench.pacing import Pacing
from bench.records import KeystrokeRecord, common_figures
from bench.replay import is_pure_typing, replay
from bench.trace import Trace

TOKENS_A_LINE = 12.7
"""Of the densest trace, in mini's tokens: a window in lines is then never the larger one."""


@dataclass(frozen=True, slots=True)
class PeerModel:
    """The weights that a peer runs, and how they are stored."""

    path: Path
    precision: str


@dataclass(frozen=True, slots=True)
class PeerSetting:
    """One way to run llama-server; ``lines`` is what llama.vim sends of a document."""

    name: str
    flags: tuple[str, ...]
    lines: LineWindow


def peer_settings(window_tokens: int) -> tuple[PeerSetting, ...]:
    """Return three ways to run the server: as llama.vim advises, with our window, suffix first.

    llama.vim advises a batch of 1,024 tokens and the model's whole context. The server gives a
    quarter of a batch to the suffix, three quarters to the prefix, and moves the prefix's start
    with every token. ``window`` has a batch as wide as our window, so that the model sees as much
    as ours does. Suffix first, a moving start would spoil the setting: there the batch is twice as
    wide as the window, and llama.vim's lines limit what is sent, 3 : 1.
    """
    num_lines = int(window_tokens / TOKENS_A_LINE)
    num_after = num_lines // 4
    window, twice = str(window_tokens), str(2 * window_tokens)
    context = str(4 * window_tokens)
    reuse = ("--cache-reuse", "256")
    return (
        PeerSetting("llama.vim", ("-c", "0", "-b", "1024", "-ub", "1024", *reuse), LineWindow()),
        PeerSetting("window", ("-c", context, "-b", window, "-ub", window, *reuse), LineWindow()),
        PeerSetting(
            "spm",
            ("-c", context, "-b", twice, "-ub", twice, *reuse, "--spm-infill"),
            LineWindow(num_lines - num_after, num_after),
        ),
    )


def run_peer(
    setting: PeerSetting,
    model: PeerModel,
    traces: Sequence[Trace],
    num_threads: int,
    max_new_tokens: int,
    window_tokens: int,
    pacing: Pacing,
    most_keystrokes: int | None,
    report: Report,
) -> tuple[dict[str, Any], list[KeystrokeRecord]]:
    """Replay all traces on one server; return the report's entry and the records.

    Raises ``PeerError``.
    """
    program = find_llama_server()
    records: list[KeystrokeRecord] = []
    with running_llama_server(program, model.path, num_threads, setting.flags) as server:
        for trace in traces:
            report(f"{trace.name} ({setting.name})")
            records += _replay_one(
                server, setting.lines, trace, max_new_tokens, pacing, most_keystrokes
            )
    lines = f"n_prefix {setting.lines.num_before}, n_suffix {setting.lines.num_after}"
    variables = [f"{name}={value}" for name, value in llama_server_environment().items()]
    entry = {
        "name": setting.name,
        "version": llama_server_version(program),
        "flags": f"{' '.join((*variables, *setting.flags))} (llama.vim: {lines})",
        "model": model.path.name,
        "precision": model.precision,
        "window": window_tokens,
        **common_figures(records),
    }
    return entry, records


def _replay_one(
    server: LlamaServer,
    lines: LineWindow,
    trace: Trace,
    max_new_tokens: int,
    pacing: Pacing,
    most_keystrokes: int | None,
) -> list[KeystrokeRecord]:
    is_typing = is_pure_typing(trace)
    records = []
    stop = None if most_keystrokes is None else most_keystrokes + 1
    for keystroke in islice(replay(trace), stop):
        sent = time.perf_counter()
        request = infill_request(keystroke.text, keystroke.cursor, lines, max_new_tokens)
        answer = server.stream("/infill", request)
        new, cached = answer.timings["prompt_n"], answer.timings["cache_n"]
        records.append(
            KeystrokeRecord(
                trace=trace.name,
                kind=keystroke.kind,
                is_counted=keystroke.kind != "open",
                is_typing=is_typing,
                num_prompt_tokens=new + cached,
                num_cached_tokens=cached,
                num_new_tokens=new,
                num_generated_tokens=answer.timings["predicted_n"],
                time_to_first_token_ms=answer.time_to_first_token_ms,
                shown_ms=answer.total_ms,
            )
        )
        time.sleep(pacing.seconds_left(keystroke.pause_ms, time.perf_counter() - sent))
    return records
