"""The tables by name: which result files each is made from, and the function that makes it.

To publish a table, keep its results in ``bench/results``, take or write a function of this package
that makes a ``Table`` of them, name both here, put the table's markers into a document, and run
``python -m bench tables``.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.tables.exactness import exactness_table
from bench.tables.infilling import infilling_table
from bench.tables.markdown import Table
from bench.tables.rounding import rounding_table

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "bench" / "results"
DOCUMENTS = ("README.md", "bench/README.md", "training/README.md")
"""The documents that may have tables, relative to the repository's root."""


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """``describe`` takes the content of each file of ``results``, in their order."""

    results: tuple[str, ...]
    describe: Callable[..., Table]

    def read(self, folder: Path) -> Table:
        """Return the table. Raises ``BenchError`` if a result is missing or lacks a figure."""
        contents = [read_result(folder / name) for name in self.results]
        try:
            return self.describe(*contents)
        except (KeyError, TypeError, IndexError) as exc:
            names = ", ".join(self.results)
            raise BenchError(
                f"{names} lacks what its table shows ({type(exc).__name__}: {exc}). Measure again "
                "with the command of today."
            ) from exc


PUBLISHED: Mapping[str, PublishedTable] = types.MappingProxyType(
    {
        "rounding": PublishedTable(("rounding-0.5b-noisy.json",), rounding_table),
        "rounding-mini": PublishedTable(("rounding-mini.json",), rounding_table),
        "exactness": PublishedTable(("exactness.json",), exactness_table),
        "infilling-real": PublishedTable(
            (
                "infilling-single-line-0.5b-int8.json",
                "infilling-single-line-0.5b-int8-raw.json",
                "infilling-single-line-0.5b-int8-100.json",
                "infilling-single-line-0.5b-int4-100.json",
            ),
            infilling_table,
        ),
    }
)


def read_result(path: Path) -> dict[str, Any]:
    """Return a result file's content. Raises ``BenchError`` if it is missing or no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BenchError(
            f"A table needs the result file {path.name} in {path.parent}, which cannot be read "
            f"({exc}). Measure it, and keep the JSON there."
        ) from exc
    if not isinstance(content, dict):
        raise BenchError(f"{path.name} should contain a JSON object, not {type(content).__name__}.")
    return content


def published_table(name: str, folder: Path = RESULTS) -> Table:
    """Return a table by its name. Raises ``BenchError`` if there is none of that name."""
    if name not in PUBLISHED:
        known = ", ".join(sorted(PUBLISHED)) or "none"
        raise BenchError(
            f"No table is called {name!r}; there are: {known}. Add it to bench/tables/published.py."
        )
    return PUBLISHED[name].read(folder)
