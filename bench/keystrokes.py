"""``python -m bench keystrokes``: what a keystroke costs, here and with llama-server."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from bench.make_traces import TRACES
from bench.naive_psm import NaivePsm
from bench.ours import run_ours
from bench.pacing import Pacing
from bench.peer_model import peer_model
from bench.peers import peer_settings, run_peer
from bench.records import KeystrokeRecord, distribution, our_figures
from bench.result_file import write_result
from bench.trace import Trace, read_traces
from coder_lsp.cli.options import parse_model
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.settings import Settings
from coder_lsp.tokenizer import Tokenizer

_PATH = click.Path(path_type=Path)
_DEFAULTS = Settings()
_PACING = Pacing()


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What all sides are run with."""

    traces: list[Trace]
    folder: ModelFolder
    num_threads: int
    window_tokens: int
    max_new_tokens: int
    pacing: Pacing
    most_keystrokes: int | None


@click.command()
@click.option("--traces", "traces_dir", type=_PATH, default=TRACES, help="Default: bench/traces.")
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--peer", type=click.Choice(["llama-server"]), help="Replay them there, too.")
@click.option("--peer-model", type=_PATH, metavar="GGUF", help="Default: mini's, converted.")
@click.option("--json", "out", type=_PATH, required=True, help="Where to write the figures.")
@click.option("--records", type=_PATH, help="Where to write one line a keystroke (JSONL).")
@click.option("--limit", type=int, help="About so many keystrokes, the first of each trace.")
@click.option("--threads", default=2, show_default=True, help="Of each side.")
@click.option("--window", default=2048, show_default=True)
@click.option("--max-new-tokens", default=_DEFAULTS.max_new_tokens, show_default=True)
@click.option("--speed", default=_PACING.speed, show_default=True, help="Divides all pauses.")
@click.option("--longest-pause-ms", default=_PACING.longest_pause_ms, show_default=True)
@click.option("--script", type=_PATH, help="Let the scripted backend answer; for trying this out.")
def command(
    traces_dir: Path,
    model: str,
    peer: str | None,
    peer_model: Path | None,
    out: Path,
    records: Path | None,
    limit: int | None,
    threads: int,
    window: int,
    max_new_tokens: int,
    speed: float,
    longest_pause_ms: float,
    script: Path | None,
) -> None:
    """Replay editing sessions keystroke by keystroke; bench/README.md says what is counted."""
    traces = read_traces(traces_dir)
    folder = ModelFolder.read(_model_path(model))
    plan = _Plan(
        traces=traces,
        folder=folder,
        num_threads=threads,
        window_tokens=min(window, folder.manifest.context_length),
        max_new_tokens=max_new_tokens,
        pacing=Pacing(speed, longest_pause_ms),
        most_keystrokes=None if limit is None else -(-limit // len(traces)),
    )
    ours = _run_ours(plan, model, script)
    report = _report(plan, ours)
    everything = [("coder-lsp", ours)]
    if peer is not None:
        for entry, peer_records in _run_peers(plan, peer_model):
            report["peers"].append(entry)
            everything.append((entry["name"], peer_records))
    write_result(out, report)
    if records is not None:
        _write_records(records, everything)


def _run_ours(plan: _Plan, model: str, script: Path | None) -> list[KeystrokeRecord]:
    arguments = ["--model", model]
    if script is not None:
        arguments += ["--backend", "scripted", "--script", str(script)]
    settings = {
        "threads": plan.num_threads,
        "contextTokens": plan.window_tokens,
        "maxNewTokens": plan.max_new_tokens,
        "diskCache": False,  # nothing is to be left from an earlier run
    }
    return run_ours(plan.traces, arguments, settings, plan.pacing, plan.most_keystrokes, print)


def _report(plan: _Plan, ours: list[KeystrokeRecord]) -> dict[str, Any]:
    manifest = plan.folder.manifest
    naive = NaivePsm(
        Tokenizer(plan.folder.tokenizer_path),
        manifest.fim,
        plan.window_tokens,
        plan.max_new_tokens,
    )
    counts = [n for trace in plan.traces for n in naive.count(trace, plan.most_keystrokes)]
    return {
        "model": manifest.name,
        "precision": manifest.precision,
        "window": plan.window_tokens,
        **our_figures(ours),
        "naive_psm": {"new_tokens": distribution(counts)},
        "peers": [],
    }


def _run_peers(
    plan: _Plan, named: Path | None
) -> Iterable[tuple[dict[str, Any], list[KeystrokeRecord]]]:
    weights = peer_model(plan.folder.manifest, named)
    for setting in peer_settings(plan.window_tokens):
        yield run_peer(
            setting,
            weights,
            plan.traces,
            plan.num_threads,
            plan.max_new_tokens,
            plan.window_tokens,
            plan.pacing,
            plan.most_keystrokes,
            print,
        )


def _write_records(path: Path, everything: list[tuple[str, list[KeystrokeRecord]]]) -> None:
    lines = [
        json.dumps({"side": side, **dataclasses.asdict(record)}) + "\n"
        for side, records in everything
        for record in records
    ]
    path.write_text("".join(lines), encoding="utf-8")


def _model_path(setting: str) -> Path:
    # Imported here because it brings ONNX Runtime along.
    from coder_lsp.models.installed_models import model_path  # noqa: PLC0415

    return model_path(setting)
