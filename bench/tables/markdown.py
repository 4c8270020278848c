"""A table in Markdown, and the places in a document that are written by ``bench tables``.

Such a place begins with ``<!-- table NAME: ... -->`` and ends with ``<!-- end of table -->``, each
on a line of its own. The text after the colon is for the reader of the source.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.errors import BenchError

_BEGIN = re.compile(r"<!-- table ([\w-]+):[^\n]*-->")
_END = "<!-- end of table -->"


@dataclass(frozen=True, slots=True)
class Table:
    """Column titles, and the cells of each row."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_markdown(self) -> str:
        """Return the table, each row with its line end. Raises ``BenchError`` for an uneven row."""
        for row in self.rows:
            if len(row) != len(self.titles):
                raise BenchError(
                    f"A table of {len(self.titles)} columns got a row of {len(row)} cells: {row}"
                )
        rule = ["---"] * len(self.titles)
        return "".join(f"| {' | '.join(row)} |\n" for row in (self.titles, rule, *self.rows))


def names_of_tables(document: str) -> list[str]:
    """Return the names in a document's markers, in their order."""
    return _BEGIN.findall(document)


def with_tables(document: str, describe: Callable[[str], Table]) -> str:
    """Return a document with each table written anew. Raises ``BenchError`` for a missing end."""
    parts, rest = list[str](), document
    while (begin := _BEGIN.search(rest)) is not None:
        name = begin.group(1)
        end = rest.find(_END, begin.end())
        following = _BEGIN.search(rest, begin.end())
        if end < 0 or (following is not None and following.start() < end):
            raise BenchError(f"The table {name} has no end: close it with {_END}")
        parts += [rest[: begin.end()], "\n\n", describe(name).as_markdown(), "\n", _END]
        rest = rest[end + len(_END) :]
    return "".join([*parts, rest])
