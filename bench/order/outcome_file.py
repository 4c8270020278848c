"""Outcomes of cases, on disk line by line, so that a run can be continued."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.order.cases import Case
from bench.order.comparison import Outcome
from bench.order.scoring import Answer
from bench.run_file import RunFile

_Key = tuple[str, str, int, int, int]


class OutcomeFile:
    """The outcomes of one run by their cases."""

    def __init__(self, path: Path, run: Mapping[str, object]) -> None:
        """Open a file of outcomes that were found as ``run`` says. Raises ``BenchError``."""
        self._file = RunFile(path, run)
        self._outcomes = dict[_Key, Outcome]()
        for document in self._file.documents:
            try:
                kind, problem, anchor, cursor, end = document["case"]
                fields = dict(document["outcome"])
                answers = {order: Answer(**answer) for order, answer in fields["answers"].items()}
                outcome = Outcome(**{**fields, "answers": answers})
            except (KeyError, TypeError, ValueError) as exc:
                raise self._file.refusal(document) from exc
            self._outcomes[kind, problem, anchor, cursor, end] = outcome

    def add(self, case: Case, outcome: Outcome) -> None:
        """Keep the outcome of a case."""
        self._file.add({"case": _key(case), "outcome": asdict(outcome)})
        self._outcomes[_key(case)] = outcome

    def of(self, cases: Sequence[Case]) -> list[Outcome]:
        """Return the outcomes of those cases that have one."""
        return [self._outcomes[_key(case)] for case in cases if _key(case) in self._outcomes]


def _key(case: Case) -> _Key:
    return case.kind, case.problem, case.anchor, case.cursor, case.end
