r"""Answers written beforehand, for tests, demonstrations and work on an editor's side.

A script is a JSON object, in UTF-8::

    {
      "answers": [
        {"prefix_ends_with": "def add(a, b):", "completion": "\n    return a + b",
         "language": "python", "chunks": 4, "delay_ms": 20, "prefill_ms": 150,
         "alternatives": ["\n    return b + a"]}
      ],
      "default": {"completion": ""}
    }

The first answer whose ``prefix_ends_with`` ends the text before the cursor, and whose ``language``
(an LSP language id, may be left out) is the document's, is given; else the default, which may be
left out and then says nothing. ``chunks`` is the number of characters in a chunk (all of the
completion when left out), ``delay_ms`` is waited before each chunk and ``prefill_ms`` before the
first one besides. A chunk counts as one token of ``max_new_tokens``; stop strings are not obeyed.
``alternatives`` are what else is offered on explicit request, in their order, each with the same
``chunks`` and ``delay_ms``.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from coder_lsp.backends.base import FimRequest
from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.errors import BackendError, SettingsError
from coder_lsp.generation import (
    Branch,
    FinishReason,
    GenerationChunk,
    GenerationOptions,
    GenerationUsage,
)
from coder_lsp.settings import SECTION


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer of a script; the module's docstring explains the fields."""

    completion: str
    prefix_ends_with: str = ""
    language: str | None = None
    chunks: int | None = None
    delay_ms: float = 0
    prefill_ms: float = 0
    alternatives: tuple[str, ...] = ()

    def is_for(self, snapshot: DocumentSnapshot) -> bool:
        """Whether this is the answer at the snapshot's cursor."""
        if self.language is not None and self.language != snapshot.language_id:
            return False
        return snapshot.text.endswith(self.prefix_ends_with, 0, snapshot.offset)

    def pieces(self) -> list[str]:
        """Return the completion in chunks."""
        size = self.chunks or max(len(self.completion), 1)
        return [self.completion[i : i + size] for i in range(0, len(self.completion), size)]

    def branches(self) -> tuple[Branch, ...]:
        """Return a branch for each alternative, the earlier the likelier."""
        return tuple(Branch((i,), 0, -0.1 * i) for i in range(len(self.alternatives)))

    def alternative(self, branch: Branch) -> "ScriptedAnswer":
        """Return the answer that a branch leads to."""
        (number,) = branch.token_ids
        return replace(self, completion=self.alternatives[number], prefill_ms=0, alternatives=())


_SILENCE = ScriptedAnswer(completion="")


class ScriptedBackend:
    """A ``Backend`` without a model."""

    def __init__(
        self, answers: tuple[ScriptedAnswer, ...], default: ScriptedAnswer = _SILENCE
    ) -> None:
        self._answers = answers
        self._default = default
        self._num_requests = 0
        self._num_prepared = 0
        self._num_forgotten = 0

    @classmethod
    def from_file(cls, path: Path | str) -> "ScriptedBackend":
        """Read a script. Raises ``SettingsError`` without a path, else ``BackendError``."""
        if not str(path):
            raise SettingsError(
                f"The scripted backend answers from a file; set {SECTION}.script to its path."
            )
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise BackendError(
                f"The script {path} cannot be read as JSON: {exc}. Correct it, or set "
                f"{SECTION}.backend to local."
            ) from exc
        answers, default = _parse(document, str(path))
        return cls(answers, default)

    @property
    def model(self) -> str:
        """The name shown where a model's name would be."""
        return "scripted"

    @property
    def is_instruct(self) -> bool:
        """Always False: a script contains what a base model would write."""
        return False

    @property
    def notices(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def stream(
        self, request: FimRequest, cancellation: CancellationToken
    ) -> Iterator[GenerationChunk]:
        """Yield the first answer that fits; waiting ends at once when cancelled."""
        self._num_requests += 1
        answer = next((a for a in self._answers if a.is_for(request.snapshot)), self._default)
        if request.branch is not None:
            answer = answer.alternative(request.branch)
        return _play(answer, request.options, cancellation)

    def prepare(
        self,
        request: FimRequest,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> int:
        """Compute nothing: the answers are written."""
        del request, cancellation, on_progress
        self._num_prepared += 1
        return 0

    def forget(self, uri: str) -> None:
        """Free nothing: no document is kept."""
        del uri
        self._num_forgotten += 1

    def stats(self) -> Mapping[str, int | float | str]:
        """Return how often each method was called."""
        return {
            "requests": self._num_requests,
            "prepared": self._num_prepared,
            "forgotten": self._num_forgotten,
        }

    def close(self) -> None:
        """Write nothing: no document is kept."""


def _play(
    answer: ScriptedAnswer, options: GenerationOptions, cancellation: CancellationToken
) -> Iterator[GenerationChunk]:
    max_new_tokens = options.max_new_tokens
    branches = answer.branches()[: options.num_branches]
    interrupted = threading.Event()
    pieces = answer.pieces()
    num_generated = 0
    with cancellation.interrupting(interrupted.set):
        interrupted.wait(answer.prefill_ms / 1000)
        for piece in pieces[:max_new_tokens]:
            if interrupted.wait(answer.delay_ms / 1000):
                break
            num_generated += 1
            usage = GenerationUsage(num_generated_tokens=num_generated)
            yield GenerationChunk(piece, usage=usage, branches=branches)
            branches = ()
        reason: FinishReason = "length" if len(pieces) > max_new_tokens else "stop"
        if interrupted.is_set():
            reason = "cancelled"
        usage = GenerationUsage(num_generated_tokens=num_generated)
        yield GenerationChunk("", finish_reason=reason, usage=usage)


def _parse(document: Any, where: str) -> tuple[tuple[ScriptedAnswer, ...], ScriptedAnswer]:
    _expect(isinstance(document, dict), where, 'an object with "answers"', document)
    for name in document:
        _expect(name in {"answers", "default"}, where, '"answers" and "default" only', name)
    items = document.get("answers", [])
    _expect(isinstance(items, list), f"{where}: answers", "a list", items)
    answers = tuple(_answer(item, f"{where}: answers[{i}]") for i, item in enumerate(items))
    for i, item in enumerate(items):
        _expect("prefix_ends_with" in item, f"{where}: answers[{i}]", '"prefix_ends_with"', item)
    default = document.get("default")
    return answers, _SILENCE if default is None else _answer(default, f"{where}: default")


def _answer(item: Any, where: str) -> ScriptedAnswer:
    _expect(isinstance(item, dict), where, "an object", item)
    names = [field.name for field in fields(ScriptedAnswer)]
    for name in item:
        _expect(name in names, where, "only the fields " + ", ".join(names), name)
    _expect(isinstance(item.get("completion"), str), where, 'a text "completion"', item)
    for name in ("prefix_ends_with", "language"):
        _expect(isinstance(item.get(name, ""), str), f"{where}: {name}", "a text", item.get(name))
    chunks = item.get("chunks", 1)
    _expect(type(chunks) is int and chunks > 0, f"{where}: chunks", "a positive number", chunks)
    for name in ("delay_ms", "prefill_ms"):
        value = item.get(name, 0)
        is_time = type(value) in {int, float} and value >= 0
        _expect(is_time, f"{where}: {name}", "a number of at least 0", value)
    alternatives = item.get("alternatives", [])
    is_list = isinstance(alternatives, list) and all(isinstance(a, str) for a in alternatives)
    _expect(is_list, f"{where}: alternatives", "a list of texts", alternatives)
    return ScriptedAnswer(**{**item, "alternatives": tuple(alternatives)})


def _expect(condition: bool, where: str, expected: str, found: Any) -> None:  # noqa: FBT001
    if not condition:
        raise BackendError(f"{where}: expected {expected}, found {found!r}. Correct the script.")
