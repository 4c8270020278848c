"""``infilling``: human-eval-infilling, by the product or by the plain model, scored by its tests.

The product's way is what an editor would be shown: anchored prompt, rules, one line where a line is
missing. ``--prompt`` puts another order in the place of the anchored prompt and changes nothing
else. ``--plain`` is the raw model's text after a plain PSM prompt, ``--first-line`` its first line.
Exact match and edit similarity are against the canonical solution, without the blanks at both ends
of both texts.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Literal

import click
import numpy as np

from bench.errors import BenchError
from bench.infilling_scores import Filling, Score, ScoreFile, fill_and_score
from bench.infilling_tasks import Task, read_tasks
from bench.plain_backend import PlainBackend
from bench.result_file import write_result
from bench.unanchored import UnanchoredBackend
from coder_lsp.backends.base import Backend
from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import parse_model
from coder_lsp.completion.generation import complete
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.request import Request
from coder_lsp.settings import Settings

PromptOrder = Literal["anchored", "psm", "spm"]


Way = Literal["product", "plain", "first_line"]
"""How a hole is filled: as the server completes, by all that the raw model writes, or by its first
line."""


class Filler:
    """Fills holes in one of the ways."""

    def __init__(self, backend: Backend, way: Way, max_new_tokens: int) -> None:
        self._backend = backend
        self._way = way
        stop_strings = ("\n",) if way == "first_line" else ()
        self._options = GenerationOptions(max_new_tokens, stop_strings=stop_strings)
        self._last_uri: str | None = None

    def fill(self, task: Task) -> Filling:
        """Fill a task's hole.

        The cached tokens of the task before are kept until this one is filled: tasks of one program
        have most of their prefix in common.
        """
        is_product = self._way == "product"
        line_end = "" if self._way == "plain" else task.line_end
        snapshot = task.document(line_end if is_product else "")
        request = Request(
            snapshot,
            self._options,
            multiline="never" if task.is_single_line else "auto",
            raw=not is_product,
        )
        completion = complete(request, self._backend, CancellationToken())
        if self._last_uri is not None:
            self._backend.forget(self._last_uri)
        self._last_uri = snapshot.uri
        text = completion.text
        if self._way == "first_line":  # not every backend obeys stop strings
            text = text.partition("\n")[0]
        return Filling(text + line_end, completion.raw, completion.refused_by)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--limit", type=click.IntRange(min=1), help="Only so many tasks, the first ones.")
@click.option("--seed", type=int, help="With --limit: draw the tasks by this seed instead.")
@click.option("--plain", "is_plain", is_flag=True, help="The raw model, without the product.")
@click.option("--first-line", "is_first_line", is_flag=True, help="The first line of --plain.")
@click.option(
    "--prompt",
    "order",
    default="anchored",
    show_default=True,
    type=click.Choice(["anchored", "psm", "spm"]),
    help="The order of the prompt's parts; anchored is the product's.",
)
@click.option("--model", default="embedded", show_default=True, callback=parse_model)
@click.option("--max-new-tokens", default=128, show_default=True)
@click.option("--threads", default=0, show_default=True, help="0 chooses by the machine.")
@click.option("--workers", "num_workers", default=1, show_default=True, help="Tests run at once.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), required=True)
@click.option(
    "--scores",
    "scores_path",
    type=click.Path(path_type=Path),
    help="A line of JSON for each task, to continue from. Default: OUT.jsonl for --json OUT.json.",
)
def command(
    data: Path,
    limit: int | None,
    seed: int | None,
    is_plain: bool,  # noqa: FBT001  (click passes options as keywords)
    is_first_line: bool,  # noqa: FBT001
    order: PromptOrder,
    model: str,
    max_new_tokens: int,
    threads: int,
    num_workers: int,
    json_path: Path,
    scores_path: Path | None,
) -> None:
    """Score infilling on DATA, a .jsonl.gz file of human-eval-infilling.

    Interrupted, the same command continues where it was.
    """
    way = choose_way(order, is_plain=is_plain, is_first_line=is_first_line)
    all_tasks = read_tasks(data)
    tasks = choose_tasks(all_tasks, limit, seed)
    started = time.perf_counter()
    backend, folder = load_backend(model, order, threads, way)
    manifest = folder.manifest
    run: dict[str, object] = {
        "dataset": data.name.removesuffix(".gz").removesuffix(".jsonl"),
        "model": manifest.name,
        "source": manifest.source.model,
        "precision": manifest.precision,
        "way": way,
        "prompt": order if way == "product" else "psm",
    }
    weights = {name: entry.sha256 for name, entry in manifest.files.items()}
    scores = ScoreFile(
        scores_path or json_path.with_suffix(".jsonl"),
        {**run, "files": weights, "max_new_tokens": max_new_tokens},
    )
    filler = Filler(backend, way, max_new_tokens)
    fill_and_score(scores.without_score(tasks), filler, scores, num_workers)
    found = scores.of(tasks)
    if not found:
        raise BenchError("No task was scored, so there is nothing to report.")
    report = {
        **run,
        **summary(found),
        "set_size": len(all_tasks),
        "seed": seed,
        "seconds": time.perf_counter() - started,
    }
    write_result(json_path, report)
    click.echo(json.dumps(report))


def choose_way(order: PromptOrder, *, is_plain: bool, is_first_line: bool) -> Way:
    """Return how holes are filled; ``--first-line`` implies ``--plain``.

    Raises ``click.UsageError``.
    """
    if not (is_plain or is_first_line):
        return "product"
    if order != "anchored":
        raise click.UsageError("--plain has a prompt of its own, PSM: leave --prompt out.")
    return "first_line" if is_first_line else "plain"


def choose_tasks(tasks: list[Task], limit: int | None, seed: int | None) -> list[Task]:
    """Return the first ``limit`` tasks, or as many drawn by ``seed``, in the order of the set.

    A larger ``limit`` draws the same tasks and more. Raises ``click.UsageError``.
    """
    if seed is None:
        return tasks[:limit]
    if limit is None:
        raise click.UsageError("--seed draws as many tasks as --limit says: add --limit.")
    drawn = np.random.default_rng(seed).permutation(len(tasks))[:limit]
    return [tasks[i] for i in sorted(drawn)]


def summary(scores: list[Score]) -> dict[str, float]:
    """Return the figures of some scores: shares between 0 and 1."""
    return {
        "tasks": len(scores),
        "pass_at_1": statistics.fmean(s.verdict == "passed" for s in scores),
        "exact_match": statistics.fmean(s.is_exact for s in scores),
        "edit_similarity": statistics.fmean(s.similarity for s in scores),
    }


UNHURRIED_MS = 600_000
"""Nobody waits here: the window must be whole even if the machine is busy."""
WINDOW_TOKENS = 2048
"""The same for every model and machine, so that figures can be compared. Every task fits."""


def load_backend(
    model: str, order: PromptOrder, threads: int, way: Way
) -> tuple[Backend, ModelFolder]:
    """Load a model folder for a way; return what completes, and the folder."""
    settings = Settings(
        model=model,
        time_budget_ms=UNHURRIED_MS,
        context_tokens=WINDOW_TOKENS,
        disk_cache=False,
        threads=threads,
    )
    folder = ModelFolder.read(model_path(settings.model))
    if way != "product":
        return PlainBackend(folder, threads), folder
    if order == "anchored":
        return LocalBackend.load(settings), folder
    return UnanchoredBackend(folder, WINDOW_TOKENS, order, threads), folder
