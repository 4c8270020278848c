"""``infilling``: human-eval-infilling, by the product or by the plain model, scored by its tests.

The product's way is what an editor would be shown: anchored prompt, rules, one line where a line is
missing. ``--prompt`` puts another order in the place of the anchored prompt and changes nothing
else. ``--plain`` is the raw model's text after a plain PSM prompt. Exact match and edit
similarity are against the canonical solution, blanks at both ends of both texts left aside.
"""

import json
import statistics
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click
from rich.progress import Progress

from bench.errors import BenchError
from bench.infilling_tasks import Task, read_tasks
from bench.plain_backend import PlainBackend
from bench.sandbox.run import Limits, Verdict, run_program
from bench.similarity import edit_similarity, is_exact_match
from bench.unanchored import UnanchoredBackend
from coder_lsp.backends.base import Backend
from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.generation import complete
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.request import Request
from coder_lsp.settings import Settings

PromptOrder = Literal["anchored", "psm", "spm"]


@dataclass(frozen=True, slots=True)
class InfillingReport:
    """Shares between 0 and 1 over ``tasks`` tasks; ``seconds`` of wall clock, scoring included."""

    dataset: str
    tasks: int
    pass_at_1: float
    exact_match: float
    edit_similarity: float
    model: str
    precision: str
    seconds: float
    plain: bool
    prompt: PromptOrder


@dataclass(frozen=True, slots=True)
class Score:
    """What a completion is worth."""

    verdict: Verdict
    is_exact: bool
    similarity: float


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills holes, in the product's way or in the plain one."""

    backend: Backend
    is_plain: bool
    max_new_tokens: int

    def fill(self, task: Task) -> str:
        """Return what goes between a task's prompt and its suffix."""
        line_end = "" if self.is_plain else task.line_end
        snapshot = task.document(line_end)
        request = Request(
            snapshot,
            GenerationOptions(max_new_tokens=self.max_new_tokens),
            multiline="never" if task.is_single_line else "auto",
            raw=self.is_plain,
        )
        text = complete(request, self.backend, CancellationToken()).text
        self.backend.forget(snapshot.uri)
        return text + line_end


def score(task: Task, completion: str, limits: Limits) -> Score:
    """Run a task's tests on a completion, and compare it with the canonical solution."""
    return Score(
        run_program(task.program(completion), limits),
        is_exact_match(completion, task.canonical_solution),
        edit_similarity(completion, task.canonical_solution),
    )


def fill_and_score(tasks: list[Task], filler: Filler, num_workers: int) -> list[Score]:
    """Fill all holes, scoring beside; when interrupted, return the scores known until then."""
    futures: list[Future[Score]] = []
    with ThreadPoolExecutor(num_workers) as workers, Progress() as progress:
        try:
            for task in progress.track(tasks, description="Filling"):
                completion = filler.fill(task)
                futures.append(workers.submit(score, task, completion, Limits()))
            for future in progress.track(futures, description="Scoring"):
                future.result()
        except KeyboardInterrupt:
            workers.shutdown(cancel_futures=True)
            progress.console.print("Interrupted: the figures are those of the tasks so far.")
    return [future.result() for future in futures if not future.cancelled()]


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--limit", type=click.IntRange(min=1), help="Only the first tasks.")
@click.option("--plain", "is_plain", is_flag=True, help="The raw model, without the product.")
@click.option(
    "--prompt",
    "order",
    default="anchored",
    show_default=True,
    type=click.Choice(["anchored", "psm", "spm"]),
    help="The order of the prompt's parts; anchored is the product's.",
)
@click.option("--model", default="", help="Model folder; the embedded one if left out.")
@click.option("--max-new-tokens", default=128, show_default=True)
@click.option("--workers", "num_workers", default=1, show_default=True, help="Tests run at once.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), required=True)
def command(
    data: Path,
    limit: int | None,
    is_plain: bool,  # noqa: FBT001  (click passes options as keywords)
    order: PromptOrder,
    model: str,
    max_new_tokens: int,
    num_workers: int,
    json_path: Path,
) -> None:
    """Score infilling on DATA, a .jsonl.gz file of human-eval-infilling."""
    if is_plain and order != "anchored":
        raise click.UsageError("--plain has a prompt of its own, PSM: leave --prompt out.")
    tasks = read_tasks(data, limit)
    started = time.perf_counter()
    backend, precision = load_backend(model, order, is_plain=is_plain)
    scores = fill_and_score(tasks, Filler(backend, is_plain, max_new_tokens), num_workers)
    if not scores:
        raise BenchError("No task was scored, so there is nothing to report.")
    report = InfillingReport(
        dataset=data.name.removesuffix(".gz").removesuffix(".jsonl"),
        tasks=len(scores),
        pass_at_1=statistics.fmean(s.verdict == "passed" for s in scores),
        exact_match=statistics.fmean(s.is_exact for s in scores),
        edit_similarity=statistics.fmean(s.similarity for s in scores),
        model=backend.model,
        precision=precision,
        seconds=time.perf_counter() - started,
        plain=is_plain,
        prompt="psm" if is_plain else order,
    )
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(asdict(report)))


UNHURRIED_MS = 600_000
"""Nobody waits here: the window must be whole however busy the machine is."""


def load_backend(model: str, order: PromptOrder, *, is_plain: bool) -> tuple[Backend, str]:
    """Load a model folder as the product does or plainly; return it and its precision."""
    settings = Settings(model=model, time_budget_ms=UNHURRIED_MS, disk_cache=False)
    folder = ModelFolder.read(model_path(settings.model))
    return _create_backend(folder, settings, order, is_plain=is_plain), folder.manifest.precision


def _create_backend(
    folder: ModelFolder, settings: Settings, order: PromptOrder, *, is_plain: bool
) -> Backend:
    if is_plain:
        return PlainBackend(folder)
    if order == "anchored":
        return LocalBackend.load(settings)
    return UnanchoredBackend(folder, settings.context_tokens, order)
