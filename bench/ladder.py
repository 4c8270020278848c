"""``ladder``: what a model takes and how fast it answers on this machine, in one process.

Each round opens another file. It asks at once: the window is what the time budget allows. Then it
computes the whole window ahead and types one character, as most keystrokes do. The sizes are those
that the product chooses.
"""

import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.process_memory import peak_rss_bytes
from bench.result_file import write_result
from bench.source_prompts import source_texts
from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import parse_model
from coder_lsp.completion.completion import Completion
from coder_lsp.completion.generation import complete
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.request import Request
from coder_lsp.settings import Settings

_NEW_TOKENS = 48
_TEXTS_A_FILE = 3


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds to the first token in a file just opened and after a character typed in it.

    ``window_tokens`` were computed ahead in between, ``prefill_tokens_per_second`` fast.
    """

    opening_ms: float
    typing_ms: float
    window_tokens: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


@click.command()
@click.option("--model", default="embedded", show_default=True, callback=parse_model, metavar="DIR")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", default=0, show_default=True, help="0 chooses by the machine.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
def command(model: str, rounds: int, threads: int, out: Path) -> None:
    """Measure a model's rung of the ladder: disk, memory, first token, tokens a second."""
    folder = ModelFolder.read(model_path(model))
    backend = LocalBackend.load(Settings(model=model, disk_cache=False, threads=threads))
    measured = list(measure(backend, rounds))
    stats = backend.stats()
    figures = {
        "model": folder.manifest.name,
        "source": folder.manifest.source.model,
        "precision": folder.manifest.precision,
        "num_parameters": folder.manifest.source.num_parameters,
        "disk_bytes": folder.size,
        "peak_memory_bytes": peak_rss_bytes(),
        "context_tokens": stats["context_tokens"],
        "cache_budget_bytes": stats["cache_budget_bytes"],
        "time_budget_ms": stats["time_budget_ms"],
        "rounds": [asdict(each) for each in measured],
        "median": medians(measured),
    }
    write_result(out, figures)
    click.echo(json.dumps(figures))


def measure(backend: LocalBackend, num_rounds: int) -> Iterator[Round]:
    """Yield the figures of each round."""
    texts = list(source_texts(num_rounds * _TEXTS_A_FILE))
    for number in range(num_rounds):
        text = "".join(texts[number * _TEXTS_A_FILE :][:_TEXTS_A_FILE])
        offset = text.rfind("\n", 0, len(text) // 2) + 1
        snapshot = DocumentSnapshot(f"untitled:{number}.py", 1, "python", text, offset)
        opening = _first_token_ms(_ask(backend, snapshot))
        started = time.perf_counter()
        request = Request(snapshot, GenerationOptions(_NEW_TOKENS))
        num_computed = backend.prepare(request, CancellationToken())
        seconds = time.perf_counter() - started
        typed = DocumentSnapshot(
            snapshot.uri, 2, "python", f"{text[:offset]}x{text[offset:]}", offset + 1
        )
        typing = _ask(backend, typed)
        yield Round(
            opening,
            _first_token_ms(typing),
            num_computed,
            num_computed / seconds,
            _decode_tokens_per_second(typing),
        )
        backend.forget(snapshot.uri)


def medians(rounds: list[Round]) -> dict[str, float]:
    """Return the median of each figure."""
    names = Round.__slots__
    return {name: statistics.median(getattr(each, name) for each in rounds) for name in names}


def _ask(backend: LocalBackend, snapshot: DocumentSnapshot) -> Completion:
    """Let the raw model write, so that no rule ends it early."""
    request = Request(snapshot, GenerationOptions(_NEW_TOKENS), raw=True)
    return complete(request, backend, CancellationToken())


def _first_token_ms(completion: Completion) -> float:
    return completion.time_to_first_token_ms or 0.0


def _decode_tokens_per_second(completion: Completion) -> float:
    """Return the speed after the first token."""
    seconds = (completion.total_ms - _first_token_ms(completion)) / 1000
    return max(completion.usage.num_generated_tokens - 1, 0) / seconds if seconds > 0 else 0.0
