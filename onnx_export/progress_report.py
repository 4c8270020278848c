"""Progress as a bar for people, and as one JSON object a line for a parent process."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from onnx_export.progress import Progress

Style = Literal["auto", "json", "none"]

_SECONDS_BETWEEN_LINES = 0.25


class Report(Protocol):
    """Reports the progress of an export."""

    def progress(self, progress: Progress) -> None:
        """Report how far it is."""
        ...

    def done(self, out_dir: Path, summary: str) -> None:
        """Report that ``out_dir`` is complete."""
        ...


@contextmanager
def reporting(style: Style) -> Iterator[Report]:
    """Yield what reports in a style; ``auto`` is a bar where a person watches."""
    if style == "json":
        yield JsonReport()
        return
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[left]}"),
    )
    is_watched = style == "auto" and sys.stderr.isatty()
    with Bar(*columns, console=console, disable=not is_watched) as bar:
        yield _BarReport(bar, console)


class JsonReport:
    """One JSON object a line on standard output; the last has the phase ``done`` or ``error``.

    While it lasts: ``{"phase": "checking" or "writing", "done": n, "total": n, "unit": "bytes",
    "seconds_left": seconds or null}``, a few times a second.
    """

    def __init__(self) -> None:
        self._next_time = 0.0

    def progress(self, progress: Progress) -> None:
        """Print a line, unless one was printed a moment ago."""
        now = time.monotonic()
        if now < self._next_time and progress.done < progress.total:
            return
        self._next_time = now + _SECONDS_BETWEEN_LINES
        self._print({**asdict(progress), "unit": "bytes"})

    def done(self, out_dir: Path, summary: str) -> None:
        """Print the last line."""
        del summary
        self._print({"phase": "done", "output_dir": str(out_dir)})

    def error(self, message: str) -> None:
        """Print the last line of an export that failed or was interrupted."""
        self._print({"phase": "error", "message": message})

    def _print(self, document: dict[str, Any]) -> None:
        # click flushes: a pipe is buffered, and the parent waits.
        click.echo(json.dumps(document))


class _BarReport:
    def __init__(self, bar: Bar, console: Console) -> None:
        self._bar = bar
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def progress(self, progress: Progress) -> None:
        task = self._tasks.get(progress.phase)
        if task is None:
            task = self._bar.add_task(progress.phase, total=progress.total, left="")
            self._tasks[progress.phase] = task
        self._bar.update(task, completed=progress.done, left=_in_words(progress.seconds_left))

    def done(self, out_dir: Path, summary: str) -> None:
        self._bar.stop()
        self._console.print(f"{out_dir}: {summary}")


def _in_words(seconds_left: float | None) -> str:
    if seconds_left is None:
        return ""
    minutes, seconds = divmod(round(seconds_left), 60)
    return f"{minutes}:{seconds:02} left"
