"""The run's log: one JSON object a line, so that any tool can read it while it grows."""

import json
import time
from pathlib import Path


class RunLog:
    """Appends to ``log.jsonl``; each line has the time and what happened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def write(self, event: str, **facts: float | str | dict[str, float] | dict[str, int]) -> None:
        """Append one line; ``facts`` are its fields."""
        line = {"time": round(time.time(), 1), "event": event, **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
