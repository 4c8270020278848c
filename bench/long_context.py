"""``long-context``: a long prompt computed in the product's chunks, and decoding on the way.

Time and memory as the past grows, up to a length that an editor seldom asks for. Every row of the
cache is computed. Memory is compared with what the manifest promises of the cache.
"""

import json
import os
import random
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import psutil
from rich.progress import track

from bench.decode.subject import random_ids
from bench.errors import BenchError
from bench.result_file import write_result
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.cache.kv_cache import KVCache
from coder_lsp.engine.decoding.decode import prefill
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.prefill_pace import PrefillPace
from coder_lsp.models.model_folder import ModelFolder

NUM_DECODED = 9
_PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of the prompt up to ``past`` tokens, and a token decoded there (the median)."""

    past: int
    prefill_ms: float
    prefill_tokens_per_second: float
    decode_ms: float


@click.command("long-context")
@click.option("--model", type=_PATH, required=True, metavar="DIR")
@click.option("--tokens", default=16_384, show_default=True)
@click.option("--every", default=1024, show_default=True, help="Decode after so many tokens.")
@click.option("--threads", default=0, show_default=True, help="0 chooses as the server does.")
@click.option("--json", "out", type=_PATH, required=True)
@click.option("--plot", type=_PATH, metavar="SVG", help="Needs matplotlib.")
def command(
    model: Path, tokens: int, every: int, threads: int, out: Path, plot: Path | None
) -> None:
    """Compute a long prompt, and report time and memory as it grows."""
    folder = ModelFolder.read(model)
    if tokens + NUM_DECODED > folder.manifest.context_length:
        raise BenchError(
            f"{folder.manifest.name} takes {folder.manifest.context_length} tokens, not {tokens}."
        )
    runner = ModelRunner(folder, choose_num_threads(threads))
    cache = runner.create_cache(tokens + NUM_DECODED)
    process = psutil.Process()
    rss_before = process.memory_info().rss
    steps = _measure(runner, cache, folder, range(every, tokens + 1, every))
    layout = folder.manifest.cache
    report = {
        "model": folder.manifest.name,
        "layers": layout.num_layers,
        "precision": folder.manifest.precision,
        "threads": choose_num_threads(threads),
        "manifest_bytes_per_token": CacheTensors.of(layout).token_bytes,
        "cache_bytes": cache.nbytes,
        "rss_growth_bytes": process.memory_info().rss - rss_before,
        "steps": [asdict(step) for step in steps],
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    write_result(out, report)
    click.echo(json.dumps(report, indent=2))
    if plot is not None:
        _draw(steps, f"{folder.manifest.name}, {folder.manifest.precision}", plot)


def _measure(runner: ModelRunner, cache: KVCache, folder: ModelFolder, pasts: range) -> list[Step]:
    chance = random.Random(0)  # noqa: S311 (tokens of a measurement)
    pace = PrefillPace(folder.manifest.cache.num_layers)
    prompt = random_ids(chance, pasts[-1], folder.manifest.num_generable_ids // 2)
    steps = []
    for past in track(pasts, "computing the prompt"):
        known = cache.offset
        started = time.perf_counter()
        logits = prefill(runner, cache, prompt[:past], pace, CancellationToken())
        elapsed = time.perf_counter() - started
        if not np.isfinite(logits).all():
            raise BenchError(f"After {past} tokens the logits are not finite.")
        decode_ms = _decode_ms(runner, cache, int(logits.argmax()))
        steps.append(Step(past, 1000 * elapsed, (past - known) / elapsed, decode_ms))
    return steps


def _decode_ms(runner: ModelRunner, cache: KVCache, token_id: int) -> float:
    """Return the median time of a decoded token; the cache is left as it was."""
    times = []
    for _ in range(NUM_DECODED):
        started = time.perf_counter()
        logits = runner.run(cache, [token_id], CancellationToken())
        times.append(1000 * (time.perf_counter() - started))
        token_id = int(logits[-1].argmax())
    cache.trim(NUM_DECODED)
    return statistics.median(times)


def _draw(steps: list[Step], title: str, path: Path) -> None:
    # Imported here because only the drawing needs it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="tokens of past", ylabel="ms a decoded token")
    axes.plot([step.past for step in steps], [step.decode_ms for step in steps], marker=".")
    axes.set_ylim(bottom=0)
    figure.savefig(path, metadata={"Date": None})
