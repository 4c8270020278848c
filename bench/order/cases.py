"""Cuts cases out of the single-line infilling set: a line half written, its rest to be guessed.

As the set stands, every hole begins at the start of a line, where the anchored prompt is plain PSM.
Here the cursor stands inside the line that is missing, and the anchor some lines above it, as if
the lines between had been typed in one go. What follows the cursor is the line's end.
"""

import keyword
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import numpy as np

from bench.infilling_tasks import Task
from coder_lsp.documents.document import DocumentSnapshot, line_start

_IDENTIFIER = re.compile(r"[^\W\d]\w*")

CursorPlace = Literal["in indentation", "before a word", "inside a word", "elsewhere"]
CURSOR_PLACES: tuple[CursorPlace, ...] = get_args(CursorPlace)


@dataclass(frozen=True, slots=True)
class Kind:
    """Where cases are cut: offsets in the missing line, and lines from the anchor down to it."""

    name: str
    lines_above: int
    offsets: Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Case:
    """``text`` is the whole program; the line that holds ``cursor`` ends at ``end``.

    ``problem``: the problem of HumanEval it comes from. Cases of one problem are alike.
    """

    kind: str
    problem: str
    text: str
    anchor: int
    cursor: int
    end: int

    @property
    def cursor_place(self) -> CursorPlace:
        """Where in its line the cursor stands."""
        before, after = self.document(self.cursor).line_prefix, self.remainder[:1]
        if not before.strip():
            return "in indentation"
        if not _is_of_word(after):
            return "elsewhere"
        return "inside a word" if _is_of_word(before[-1]) else "before a word"

    @property
    def remainder(self) -> str:
        """What is to be guessed: the rest of the line."""
        return self.text[self.cursor : self.end]

    def document(self, cursor: int) -> DocumentSnapshot:
        """Return the document as it is when the text up to ``cursor`` has been typed."""
        text = self.text[:cursor] + self.text[self.end :]
        return DocumentSnapshot(f"{self.problem}@{self.anchor}", 1, "python", text, cursor)


def anywhere(line: str) -> Sequence[int]:
    """Return the offset of every character of a line."""
    return range(len(line.rstrip()))


def inside_identifiers(line: str) -> Sequence[int]:
    """Return the offsets that have characters of one identifier on both sides."""
    words = (word for word in _IDENTIFIER.finditer(line) if not keyword.iskeyword(word.group()))
    return [offset for word in words for offset in range(word.start() + 1, word.end())]


def after_indent(line: str) -> Sequence[int]:
    """Return the offset where a line's indentation ends; nothing where there is none."""
    indent = len(line) - len(line.lstrip())
    return [indent] if 0 < indent < len(line) else []


DISTANCES = tuple(Kind(f"anchor {n} above", n, anywhere) for n in (0, 1, 4, 16))
HEALING = (
    Kind("inside identifiers", 0, inside_identifiers),
    Kind("after indents", 0, after_indent),
)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def cut_cases(tasks: Sequence[Task], kind: Kind, number: int, seed: int) -> list[Case]:
    """Cut ``number`` different cases of a kind, fewer where there are not so many.

    The tasks that have enough lines above are gone through in a random order, again and again
    until there are enough cases; a task gives another offset each time.
    """
    generator = np.random.default_rng([seed, *kind.name.encode()])
    eligible = [task for task in tasks if task.prompt.count("\n") >= kind.lines_above]
    drawn = islice(_places(eligible, kind, generator), number)
    return [_cut(task, kind, offset) for task, offset in drawn]


def _places(
    tasks: Sequence[Task], kind: Kind, generator: np.random.Generator
) -> Iterator[tuple[Task, int]]:
    """Yield each task with each of its offsets once, the tasks in turn."""
    left = {
        i: generator.permutation(kind.offsets(task.canonical_solution)).tolist()
        for i, task in enumerate(tasks)
    }
    while left := {i: offsets for i, offsets in left.items() if offsets}:
        for i in generator.permutation(list(left)):
            yield tasks[i], int(left[i].pop())


def _cut(task: Task, kind: Kind, offset: int) -> Case:
    start = anchor = len(task.prompt)
    for _ in range(kind.lines_above):
        anchor = line_start(task.prompt, anchor - 1)
    return Case(
        kind=kind.name,
        problem=task.task_id.rsplit("/", 1)[0],
        text=task.prompt + task.canonical_solution + task.suffix,
        anchor=anchor,
        cursor=start + offset,
        end=start + len(task.canonical_solution.rstrip("\n")),
    )
