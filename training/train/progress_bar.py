"""A progress bar on a terminal; in a log file, nothing: there is the JSONL log."""

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """Tokens so far, loss, tokens a second and time left."""

    def __init__(self, total_tokens: int, tokens: int) -> None:
        columns = (
            BarColumn(),
            TextColumn("{task.completed:,} tokens, loss {task.fields[loss]:.3f}"),
            TextColumn("{task.fields[speed]:,.0f} tokens/s"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, speed_estimate_period=300)
        self._progress.disable = not self._progress.console.is_terminal
        self._task = self._progress.add_task(
            "", total=total_tokens, completed=tokens, loss=0.0, speed=0.0
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(self, tokens: int, loss: float) -> None:
        """Show where the run is."""
        speed = self._progress.tasks[0].speed or 0.0
        self._progress.update(self._task, completed=tokens, loss=loss, speed=speed)
