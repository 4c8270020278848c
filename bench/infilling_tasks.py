"""Tasks of human-eval-infilling: a hole in a program, and tests that say if it is filled well.

Source: openai/human-eval-infilling (MIT). For evaluation only; never train on it.
"""

import gzip
import json
from dataclasses import dataclass, fields
from pathlib import Path

from bench.errors import BenchError
from coder_lsp.documents.document import DocumentSnapshot

_SINGLE_LINE = "SingleLineInfilling/"


@dataclass(frozen=True, slots=True)
class Task:
    """The program is ``prompt + completion + suffix``; ``test`` defines ``check(function)``."""

    task_id: str
    entry_point: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str

    @property
    def is_single_line(self) -> bool:
        """Whether the hole is one whole line, its line end included."""
        return self.task_id.startswith(_SINGLE_LINE)

    @property
    def line_end(self) -> str:
        """What a person does not write when filling the hole in an editor: the line is there."""
        return "\n" if self.is_single_line else ""

    def document(self, line_end: str = "") -> DocumentSnapshot:
        """Return the document with the hole at its cursor, ``line_end`` right after it."""
        text = f"{self.prompt}{line_end}{self.suffix}"
        return DocumentSnapshot(self.task_id, 1, "python", text, len(self.prompt))

    def program(self, completion: str) -> str:
        """Return the source that runs to its end if the completion is right."""
        return f"{self.prompt}{completion}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def read_tasks(path: Path, limit: int | None = None) -> list[Task]:
    """Read the first ``limit`` tasks of a ``.jsonl.gz`` file. Raises ``BenchError``."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            documents = [json.loads(line) for line in lines if line.strip()]
        names = [field.name for field in fields(Task)]
        tasks = [Task(*(str(document[name]) for name in names)) for document in documents]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as exc:
        raise BenchError(
            f"{path} should be a .jsonl.gz file of human-eval-infilling tasks, but {exc!r} was met."
        ) from exc
    if not tasks:
        raise BenchError(f"{path} holds no task.")
    return tasks[:limit]
