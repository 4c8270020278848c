"""Keep evaluation sets out of the corpus: a file that shares 16 words in a row with one is dropped.

A word is a run of letters, digits and underscores, or a single punctuation mark; blanks do not
count, so a reformatted copy is found too. Rows with fewer than five different names are not
compared: ``[1, 2, 3, 4, 5, 6, 7, 8]`` is everybody's.
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError

NUM_WORDS = 16
_MIN_NAMES = 5
_WORD = re.compile(r"\w+|[^\w\s]")
_FIELDS = ("prompt", "canonical_solution", "suffix", "test")


@dataclass(frozen=True, slots=True)
class Overlap:
    """The task that a file overlaps with, and the words they share."""

    task_id: str
    words: str


class EvaluationTexts:
    """The runs of words of all evaluation tasks, by hash."""

    def __init__(self) -> None:
        self._task_of_run: dict[int, str] = {}

    @classmethod
    def read(cls, folder: Path) -> "EvaluationTexts":
        """Read every ``*.jsonl`` and ``*.jsonl.gz`` below the folder."""
        texts = cls()
        paths = sorted(p for p in folder.rglob("*") if p.name.endswith((".jsonl", ".jsonl.gz")))
        if not paths:
            raise TrainingError(
                f"{folder} holds no .jsonl or .jsonl.gz: no evaluation set to avoid."
            )
        for path in paths:
            for task in _tasks(path):
                texts.add(str(task.get("task_id", path.name)), task)
        return texts

    def add(self, task_id: str, task: dict[str, str]) -> None:
        """Remember a task: its whole program and its tests."""
        program = "".join(task.get(name, "") for name in _FIELDS[:3])
        for text in (program, task.get("test", "")):
            for words, run in _runs(text):
                if len({word for word in words if word.isidentifier()}) >= _MIN_NAMES:
                    self._task_of_run.setdefault(run, task_id)

    def overlap(self, text: str) -> Overlap | None:
        """Return the first overlap of a file with an evaluation task, or None."""
        for words, run in _runs(text):
            task_id = self._task_of_run.get(run)
            if task_id is not None:
                return Overlap(task_id, " ".join(words))
        return None

    def __len__(self) -> int:
        return len(self._task_of_run)


def _runs(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    words = _WORD.findall(text)
    for start in range(len(words) - NUM_WORDS + 1):
        run = tuple(words[start : start + NUM_WORDS])
        yield run, hash(run)


def _tasks(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    for line in text.split("\n"):
        if line:
            yield json.loads(line)
