"""``order``: the anchored prompt against PSM and SPM, and healing against none.

Lines of human-eval-infilling's single-line set are half written and the rest is asked for: how
likely the model finds the gold remainder (nats per byte, sensitive also where the model is weak)
and whether it writes it (exact match).
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from bench.errors import BenchError
from bench.infilling import WINDOW_TOKENS
from bench.infilling_tasks import read_tasks
from bench.order.cases import DISTANCES, HEALING, Case, cut_cases
from bench.order.comparison import NUM_RESAMPLES, Outcome
from bench.order.outcome_file import OutcomeFile
from bench.order.prompts import DISTANCE_ORDERS, HEALING_ORDERS, SUFFIX_FIRST, Order, PromptMaker
from bench.order.report import as_json, rows, table
from bench.order.scoring import MAX_NEW_TOKENS, Answer, Scorer
from bench.result_file import write_result
from coder_lsp.cli.options import parse_model
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.build import Prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget

_HEALING_KINDS = {kind.name for kind in HEALING}


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "json_path", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="embedded", show_default=True, callback=parse_model)
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(min=1), help="Of each kind."
)
@click.option("--seed", default=20_26, show_default=True, help="Of cases and resamples.")
@click.option("--threads", default=0, show_default=True, help="0 chooses by the machine.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.name for kind in DISTANCES + HEALING]),
    help="Only cases of this kind; may be given several times.",
)
@click.option(
    "--without-spm",
    is_flag=True,
    help="Leave out the suffix-first orders. They share nothing with the others, so they take "
    "half of the time.",
)
@click.option(
    "--cases",
    "cases_path",
    type=click.Path(path_type=Path),
    help="A line of JSON for each case, to continue from. Default: OUT.jsonl for --json OUT.json.",
)
def command(
    data: Path,
    json_path: Path,
    model: str,
    limit: int,
    seed: int,
    threads: int,
    kinds: tuple[str, ...],
    without_spm: bool,  # noqa: FBT001  (click passes options as keywords)
    cases_path: Path | None,
) -> None:
    """Compare the orders on lines of DATA, the single-line set of human-eval-infilling.

    Interrupted, the same command continues where it was.
    """
    started = time.perf_counter()
    tasks = [task for task in read_tasks(data) if task.is_single_line]
    chosen = [kind for kind in DISTANCES + HEALING if not kinds or kind.name in kinds]
    cases = [case for kind in chosen for case in cut_cases(tasks, kind, limit, seed)]
    if not cases:
        raise BenchError(f"{data} should hold tasks of the single-line set, and holds none.")
    scorer = Scorer(ModelFolder.read(model_path(model)), threads)
    context_tokens = min(WINDOW_TOKENS, scorer.manifest.context_length)
    budget = TokenBudget.share(context_tokens, MAX_NEW_TOKENS)
    maker = PromptMaker(LineEncoder(scorer.tokenizer), scorer.manifest.fim, budget)
    run: dict[str, object] = {
        "model": scorer.manifest.name,
        "precision": scorer.manifest.precision,
        "dataset": data.name.removesuffix(".gz").removesuffix(".jsonl"),
        "seed": seed,
        "max_typed_tokens": budget.typed,
        "without_spm": without_spm,
    }
    files = {name: entry.sha256 for name, entry in scorer.manifest.files.items()}
    outcomes = OutcomeFile(cases_path or json_path.with_suffix(".jsonl"), {**run, "files": files})
    measure(cases, maker, scorer, outcomes, without_spm=without_spm)
    found = list(rows(outcomes.of(cases), seed))
    document = {
        **run,
        "resamples": NUM_RESAMPLES,
        "rows": as_json(found),
        "seconds": time.perf_counter() - started,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    write_result(json_path, document)
    Console().print(table(found))


def measure(
    cases: Sequence[Case],
    maker: PromptMaker,
    scorer: Scorer,
    outcomes: OutcomeFile,
    *,
    without_spm: bool = False,
) -> None:
    """Score the cases that have no outcome yet; an interruption ends it early.

    Cases of one program come together, so that the model reads what they share once.
    """
    left = [case for case in cases if not outcomes.of([case])]
    order = sorted(left, key=lambda case: (case.problem, case.text, case.anchor, case.cursor))
    try:
        for case in track(order, description="Scoring"):
            orders = HEALING_ORDERS if case.kind in _HEALING_KINDS else DISTANCE_ORDERS
            if without_spm:
                orders = tuple(name for name in orders if name not in SUFFIX_FIRST)
            answers = dict(_answers(case, orders, maker, scorer))
            size = len(case.remainder.encode())
            outcomes.add(case, Outcome(case.kind, case.problem, case.cursor_place, size, answers))
    except KeyboardInterrupt:
        click.echo("Interrupted: the same command continues where this one ended.", err=True)


def _answers(
    case: Case, orders: Sequence[Order], maker: PromptMaker, scorer: Scorer
) -> Iterator[tuple[Order, Answer]]:
    """Yield the answer in each order; orders that come to the same prompt are asked once."""
    known = dict[Prompt, Answer]()
    for order in orders:
        prompt = maker.make(case, order)
        if prompt not in known:
            known[prompt] = scorer.score(order, prompt, case.remainder)
        yield order, known[prompt]
