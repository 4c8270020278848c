"""Fills the holes of a set, scores each by its tests, and keeps each score as a line of JSON.

A run takes long on a small machine. It can be stopped at any time: the same command continues.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rich.progress import Progress

from bench.infilling_tasks import Task
from bench.run_file import RunFile
from bench.sandbox.run import Limits, Verdict, run_program
from bench.similarity import edit_similarity, is_exact_match

PATIENT = Limits(seconds=30.0)
"""For a program that ran out of time beside others: once more, when nothing else of ours runs."""


@dataclass(frozen=True, slots=True)
class Filling:
    """``text`` goes between a task's prompt and its suffix; ``raw`` is what the model wrote.

    ``refused_by`` names the rule of the product that left nothing to show.
    """

    text: str
    raw: str = ""
    refused_by: str | None = None


class Fill(Protocol):
    """Fills holes."""

    def fill(self, task: Task) -> Filling:
        """Fill a task's hole."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """What the completion of a task is worth."""

    task_id: str
    completion: str
    verdict: Verdict
    is_exact: bool
    similarity: float
    raw: str
    refused_by: str | None


class ScoreFile:
    """Scores by task, on disk line by line."""

    def __init__(self, path: Path, run: Mapping[str, object]) -> None:
        """Open a file of scores that were made as ``run`` says. Raises ``BenchError``."""
        self._file = RunFile(path, run)
        self._scores = dict[str, Score]()
        for document in self._file.documents:
            try:
                found = Score(**document)
            except TypeError as exc:
                raise self._file.refusal(document) from exc
            self._scores[found.task_id] = found

    def add(self, score: Score) -> None:
        """Keep a score."""
        self._file.add(asdict(score))
        self._scores[score.task_id] = score

    def of(self, tasks: Sequence[Task]) -> list[Score]:
        """Return the scores of those tasks that have one, in the order of the tasks."""
        return [self._scores[task.task_id] for task in tasks if task.task_id in self._scores]

    def without_score(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks that have no score yet."""
        return [task for task in tasks if task.task_id not in self._scores]


def score(task: Task, filling: Filling, limits: Limits) -> Score:
    """Run a task's tests on what fills its hole, and compare that with the canonical solution."""
    return Score(
        task.task_id,
        filling.text,
        run_program(task.program(filling.text), limits),
        is_exact_match(filling.text, task.canonical_solution),
        edit_similarity(filling.text, task.canonical_solution),
        filling.raw,
        filling.refused_by,
    )


def fill_and_score(
    tasks: Sequence[Task], filler: Fill, scores: ScoreFile, num_workers: int
) -> None:
    """Fill the holes of ``tasks`` and score them beside; an interruption ends it early.

    A program that runs out of time may have waited for the model or for other programs. It runs
    again at the end, alone and with more time, and only that verdict counts.
    """
    running = deque[tuple[Task, Filling, Future[Score]]]()
    late = list[tuple[Task, Filling]]()
    with ThreadPoolExecutor(num_workers) as workers, Progress() as progress:
        bar = progress.add_task("Scoring", total=len(tasks))

        def keep(task: Task, filling: Filling, found: Score) -> None:
            if found.verdict == "timed_out":
                late.append((task, filling))
            else:
                scores.add(found)
                progress.advance(bar)

        try:
            for task in tasks:
                filling = filler.fill(task)
                running.append((task, filling, workers.submit(score, task, filling, Limits())))
                while running and running[0][-1].done():
                    first, filled, future = running.popleft()
                    keep(first, filled, future.result())
            for first, filled, future in running:
                keep(first, filled, future.result())
            for first, filled in late:
                scores.add(score(first, filled, PATIENT))
                progress.advance(bar)
        except KeyboardInterrupt:
            workers.shutdown(cancel_futures=True)
            progress.console.print("Interrupted: the same command continues where this one ended.")
