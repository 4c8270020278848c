"""A run that is kept line by line on disk, so that the same command can continue it.

The first line of the file says what was measured and how. Results of two different runs are never
mixed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError


class RunFile:
    """Documents of one run, each a line of JSON."""

    def __init__(self, path: Path, run: Mapping[str, object]) -> None:
        """Open the file of a run that is described by ``run``. Raises ``BenchError``."""
        self._path = path
        lines = _whole_lines(path)
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write("w", {"run": dict(run)})
        else:
            self._check_run(_parse(lines[0], path).get("run"), run)
        self._documents = [_parse(line, path) for line in lines[1:]]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What was kept before this process began."""
        return self._documents

    def add(self, document: Mapping[str, object]) -> None:
        """Keep a document."""
        self._write("a", document)

    def refusal(self, found: object) -> BenchError:
        """Return the error that says that the file holds something else than this program's."""
        return _unreadable(self._path, found)

    def _check_run(self, found: object, run: Mapping[str, object]) -> None:
        if not isinstance(found, dict):
            raise self.refusal(found)
        for name in sorted({*found, *run}):
            if found.get(name) != run.get(name):
                raise BenchError(
                    f"{self._path} is of another run: {name} was {found.get(name)!r} and is "
                    f"{run.get(name)!r} now. Name another file, or delete this one."
                )

    def _write(self, mode: str, document: Mapping[str, object]) -> None:
        with self._path.open(mode, encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file, and cut off a last one that an interruption left unfinished."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        raise BenchError(f"{path} should hold lines of JSON: {exc}. Name another file.") from exc
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return whole.splitlines()


def _parse(line: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError as exc:
        raise _unreadable(path, line) from exc
    if not isinstance(document, dict):
        raise _unreadable(path, line)
    return document


def _unreadable(path: Path, found: object) -> BenchError:
    return BenchError(
        f"{path} should hold an earlier run of this command, and holds {str(found)[:80]!r}. Name "
        "another file."
    )
