"""How an installation's progress is shown: a bar in a terminal, a line for each phase elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from coder_lsp.engine.device.memory import size_text
from coder_lsp.install.export_process import ExportProgress
from coder_lsp.install.installation import OnProgress


@contextmanager
def shown_progress() -> Iterator[OnProgress]:
    """Yield what shows progress on standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:12}"), BarColumn(), _Amount(), _TimeLeft())
    is_terminal = console.is_terminal
    with Progress(*columns, console=console, disable=not is_terminal) as progress:
        bar = progress.add_task("", total=None)
        phase = ""

        def show(event: ExportProgress) -> None:
            nonlocal phase
            if event.phase != phase:
                phase = event.phase
                progress.reset(bar, description=phase, total=event.total or None)
                if not is_terminal:
                    click.echo(f"{phase} …", err=True)
            progress.update(
                bar,
                completed=event.done,
                total=event.total or None,
                unit=event.unit,
                seconds_left=event.seconds_left,
            )

        yield show


class _Amount(ProgressColumn):
    """Done and total."""

    def render(self, task: Task) -> Text:
        unit, total = task.fields.get("unit", ""), task.total or 0
        if unit == "bytes":
            return Text(f"{size_text(int(task.completed))} of {size_text(int(total))}")
        return Text(f"{task.completed:.0f} of {total:.0f} {unit}")


class _TimeLeft(ProgressColumn):
    """The time left as the child reports it, or by the bar's own speed."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("seconds_left")
        left = task.time_remaining if left is None else left
        if left is None:
            return Text("")
        minutes, seconds = divmod(int(left), 60)
        return Text(f"{minutes}:{seconds:02} left")
