"""One completion from request to text: ask a backend, stop early, make it worth showing.

Knows no LSP and no ONNX; this is where a completion is measured.
"""

from dataclasses import dataclass

from coder_lsp.backends.base import Backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.document import DocumentSnapshot
from coder_lsp.generation import FinishReason, GenerationOptions, GenerationUsage
from coder_lsp.settings import Multiline
from coder_lsp.snippet import Snippet


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A frozen request. ``raw`` leaves the model's text as it is: no rule stops or changes it."""

    snapshot: DocumentSnapshot
    options: GenerationOptions
    multiline: Multiline = "auto"
    snippets: tuple[Snippet, ...] = ()
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a request.

    ``text`` is what to show, empty when a rule refused it (``refused_by`` names the rule); ``raw``
    is what the model wrote. Times are in milliseconds from the start of ``complete``;
    ``time_to_first_token_ms`` is None when no token was generated. ``mean_logprob`` is the mean
    natural logarithm of the generated tokens' probabilities, None when there are none.
    """

    text: str
    raw: str
    finish_reason: FinishReason
    usage: GenerationUsage
    time_to_first_token_ms: float | None
    total_ms: float
    mean_logprob: float | None
    refused_by: str | None
    model: str


def complete(
    request: CompletionRequest, backend: Backend, cancellation: CancellationToken
) -> Completion:
    """Complete at the cursor. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``."""
    raise NotImplementedError
