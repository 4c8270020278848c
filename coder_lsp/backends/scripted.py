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
first one besides. With ``wait_for``, the path of a file, the chunks after the first one wait until
that file exists. A chunk counts as one token of ``max_new_tokens``; stop strings are not obeyed.
``alternatives`` are what else is offered on explicit request, in their order, each with the same
``chunks`` and ``delay_ms``.
"""

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.errors import BackendError, FormatError, SettingsError
from coder_lsp.generation import (
    Branch,
    FinishReason,
    GenerationChunk,
    GenerationOptions,
    GenerationUsage,
)
from coder_lsp.json_input import in_range, read_json, structure
from coder_lsp.paths import expanded
from coder_lsp.request import Request
from coder_lsp.settings import SECTION

_REMEDY = f"Correct the script, or set {SECTION}.backend to local."


_LOOK_SECONDS = 0.005
"""Between two looks whether a file exists."""

Milliseconds = Annotated[float, in_range(0, 3_600_000)]


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer of a script; the module's docstring explains the fields."""

    completion: str
    prefix_ends_with: str = ""
    language: str | None = None
    chunks: Annotated[int, in_range(1, 1 << 20)] | None = None
    delay_ms: Milliseconds = 0
    prefill_ms: Milliseconds = 0
    alternatives: tuple[str, ...] = ()
    wait_for: str = ""

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


_TIME_BUDGET_MS = 600
_SILENCE = ScriptedAnswer(completion="")


@dataclass(frozen=True, slots=True)
class _Script:
    answers: tuple[ScriptedAnswer, ...] = ()
    default: ScriptedAnswer = _SILENCE


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
            document = read_json(expanded(str(path)))
            script: _Script = structure(document, _Script, str(path))
        except OSError as exc:
            raise BackendError(f"The script {path} cannot be read: {exc}. {_REMEDY}") from exc
        except FormatError as exc:
            raise BackendError(f"{exc} {_REMEDY}") from exc
        for i, item in enumerate(document.get("answers", ())):
            if "prefix_ends_with" not in item:
                raise BackendError(
                    f"{path}: answers[{i}]: the field 'prefix_ends_with' is missing. {_REMEDY}"
                )
        return cls(script.answers, script.default)

    @property
    def model(self) -> str:
        """The name shown where a model's name would be."""
        return "scripted"

    @property
    def time_budget_ms(self) -> int:
        """A fixed time, since nothing here has a pace to be measured."""
        return _TIME_BUDGET_MS

    @property
    def is_instruct(self) -> bool:
        """Always False: a script contains what a base model would write."""
        return False

    @property
    def notices(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def stream(
        self, request: Request, cancellation: CancellationToken
    ) -> Generator[GenerationChunk, None, None]:
        """Yield the first answer that fits; waiting ends at once when cancelled."""
        self._num_requests += 1
        answer = next((a for a in self._answers if a.is_for(request.snapshot)), self._default)
        if request.branch is not None:
            answer = answer.alternative(request.branch)
        return _play(answer, request.options, cancellation)

    def prepare(
        self,
        request: Request,
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
) -> Generator[GenerationChunk, None, None]:
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
            if num_generated and not _wait_for(answer.wait_for, interrupted):
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


def _wait_for(path: str, interrupted: threading.Event) -> bool:
    """Wait until a file exists, False if this was interrupted; without a path there is no wait."""
    while path and not Path(path).exists():
        if interrupted.wait(_LOOK_SECONDS):
            return False
    return True
