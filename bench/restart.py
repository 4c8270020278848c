"""``python -m bench restart``: what a request costs anew, and after a restart of the server.

The same backend as the server's, in one process: loaded, asked, closed; then loaded again on the
same cache folder and asked the same. Loading the model is counted in neither.
"""

import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.result_file import write_result
from bench.source_prompts import source_texts
from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import parse_model
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import GenerationOptions, GenerationUsage
from coder_lsp.paths import CACHE_VARIABLE, sequences_path
from coder_lsp.request import Request
from coder_lsp.settings import Settings
from testing.cache_folder import cache_folder

_UNHURRIED_MS = 600_000
_CHARACTERS = 40_000
_WARM_UP = DocumentSnapshot("untitled:warm_up.py", 1, "python", "x = ", 4)


@dataclass(frozen=True, slots=True)
class Answer:
    """The first token of an answer, and what it took."""

    text: str
    first_token_ms: float
    usage: GenerationUsage


@click.command("restart")
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--context-tokens", type=int, default=1600, show_default=True)
@click.option("--repetitions", type=int, default=5, show_default=True, help="Restarts.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
def command(model: str, context_tokens: int, repetitions: int, out: Path) -> None:
    """Compare a prefill with what is left of it after a restart; files cold and warm."""
    settings = Settings(
        model=model, context_tokens=context_tokens, time_budget_ms=_UNHURRIED_MS, max_new_tokens=1
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        os.environ[CACHE_VARIABLE] = folder
        figures = measure(settings, cache_folder() / "bench", repetitions)
    write_result(out, figures)
    click.echo(json.dumps(figures))


def measure(settings: Settings, folder: Path, repetitions: int) -> dict[str, Any]:
    """Return the figures; ``equal``: after each restart the same token came.

    The file that is completed is written to ``folder``, which must not be a temporary one: the
    disk cache keeps text of lasting files only.
    """
    snapshot = _long_document(folder)
    backend = LocalBackend.load(settings)
    _answer(backend, _WARM_UP)
    anew = _answer(backend, snapshot)
    began = time.perf_counter()
    backend.close()
    close_ms = (time.perf_counter() - began) * 1e3
    cold = [_restart(settings, snapshot, is_cold=True) for _ in range(repetitions)]
    warm = [_restart(settings, snapshot, is_cold=False) for _ in range(repetitions)]
    cold_ms = statistics.median(answer.first_token_ms for answer in cold)
    warm_ms = statistics.median(answer.first_token_ms for answer in warm)
    return {
        "model": backend.model,
        "prompt_tokens": anew.usage.num_prompt_tokens,
        "new_tokens": {
            "anew": anew.usage.num_new_tokens,
            "restarted": max(answer.usage.num_new_tokens for answer in (*cold, *warm)),
        },
        "first_token_ms": {
            "anew": round(anew.first_token_ms, 1),
            "restarted_cold": round(cold_ms, 1),
            "restarted_warm": round(warm_ms, 1),
        },
        "share": {
            "cold": round(cold_ms / anew.first_token_ms, 4),
            "warm": round(warm_ms / anew.first_token_ms, 4),
        },
        "close_ms": round(close_ms, 1),
        "file_bytes": max(path.stat().st_size for path in sequences_path().glob("*.kv")),
        "equal": all(answer.text == anew.text for answer in (*cold, *warm)),
        "can_be_cold": hasattr(os, "posix_fadvise"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _restart(settings: Settings, snapshot: DocumentSnapshot, *, is_cold: bool) -> Answer:
    backend = LocalBackend.load(settings)
    try:
        _answer(backend, _WARM_UP)
        if is_cold:
            _evict_from_memory(sequences_path())
        return _answer(backend, snapshot)
    finally:
        backend.close()


def _answer(backend: LocalBackend, snapshot: DocumentSnapshot) -> Answer:
    request = Request(snapshot, GenerationOptions(max_new_tokens=1))
    began = time.perf_counter()
    chunks = backend.stream(request, CancellationToken())
    chunk = next(chunk for chunk in chunks if chunk.logprobs)
    answer = Answer(chunk.text, (time.perf_counter() - began) * 1e3, chunk.usage)
    for _ in chunks:  # what is left ends the generation
        pass
    return answer


def _long_document(folder: Path) -> DocumentSnapshot:
    text = "".join(source_texts(20))[:_CHARACTERS]
    offset = text.index("\n", len(text) // 2) + 1
    path = folder.resolve() / "restart.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return DocumentSnapshot(path.as_uri(), 1, "python", text, offset)


def _evict_from_memory(folder: Path) -> None:
    """Have the system read the files from the disk again; only Linux can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.glob("*.kv"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
