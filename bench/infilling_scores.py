"""Fills the holes of a set, scores each by its tests, and keeps each score as a line of JSON.

A run takes hours on a small machine. It can be stopped at any time: the same command continues
where the file of scores ends. The file's first line says how the holes were filled, so that scores
of two different runs are never mixed.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.progress import Progress

from bench.errors import BenchError
from bench.infilling_tasks import Task
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
        self._path = path
        self._scores = dict[str, Score]()
        lines = _whole_lines(path)
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write("w", {"run": dict(run)})
            return
        found = _parse_run(lines[0], path)
        for name in sorted({*found, *run}):
            if found.get(name) != run.get(name):
                raise BenchError(
                    f"{path} holds scores of another run: {name} was {found.get(name)!r} and is "
                    f"{run.get(name)!r} now. Name another file with --scores, or delete this one."
                )
        for line in lines[1:]:
            score = _parse_score(line, path)
            self._scores[score.task_id] = score
        # A line that an interruption cut off would make the next one unreadable.
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def add(self, score: Score) -> None:
        """Keep a score."""
        self._write("a", asdict(score))
        self._scores[score.task_id] = score

    def of(self, tasks: Sequence[Task]) -> list[Score]:
        """Return the scores of those tasks that have one, in the order of the tasks."""
        return [self._scores[task.task_id] for task in tasks if task.task_id in self._scores]

    def without_score(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks that have no score yet."""
        return [task for task in tasks if task.task_id not in self._scores]

    def _write(self, mode: str, document: Mapping[str, object]) -> None:
        with self._path.open(mode, encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")


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


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file that an interruption did not cut off; none if there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        raise BenchError(f"{path} should hold scores as lines of JSON: {exc}.") from exc
    return text[: text.rfind("\n") + 1].splitlines()


def _parse_run(line: str, path: Path) -> dict[str, object]:
    found = _parse(line, path).get("run")
    if not isinstance(found, dict):
        raise _unreadable(path, line)
    return found


def _parse_score(line: str, path: Path) -> Score:
    try:
        return Score(**_parse(line, path))
    except TypeError as exc:
        raise _unreadable(path, line) from exc


def _parse(line: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError as exc:
        raise _unreadable(path, line) from exc
    if not isinstance(document, dict):
        raise _unreadable(path, line)
    return document


def _unreadable(path: Path, line: str) -> BenchError:
    return BenchError(
        f"{path} should hold the scores of an earlier run, and holds the line {line[:80]!r}. Name "
        "another file with --scores."
    )
