"""What a backend is asked, and what it must be able to do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import Branch, GenerationChunk, GenerationOptions
from coder_lsp.snippet import Snippet


@dataclass(frozen=True, slots=True)
class FimRequest:
    """Fill in the middle of a document at its cursor; ``snippets`` are in a stable order.

    ``branch`` is where to leave an earlier generation for the same request.
    """

    snapshot: DocumentSnapshot
    options: GenerationOptions
    snippets: tuple[Snippet, ...] = ()
    branch: Branch | None = None


class Backend(Protocol):
    """Writes completions. All methods are called from one and the same thread."""

    @property
    def model(self) -> str:
        """The model's name, as it is shown to the user."""
        ...

    @property
    def is_instruct(self) -> bool:
        """Whether the model was trained to chat; such a model explains and fences its code."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should be told of how this backend runs, once, each with its remedy."""
        ...

    @property
    def time_budget_ms(self) -> int:
        """How long a request may take before the text generated so far is shown."""
        ...

    def stream(
        self, request: FimRequest, cancellation: CancellationToken
    ) -> Iterator[GenerationChunk]:
        """Yield the middle piece by piece; the last chunk alone has a ``finish_reason``.

        A cancelled generation ends with ``finish_reason="cancelled"`` instead of raising. Who
        has seen enough closes the iterator. Raises ``BackendError`` or ``EngineError``.
        """
        ...

    def prepare(
        self,
        request: FimRequest,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> int:
        """Compute ahead what ``stream`` would need first; harmless to interrupt.

        Returns the number of prompt tokens computed. ``on_progress`` is called, where this will
        take so long that a user may want to know, with the share of the window computed so far.
        """
        ...

    def forget(self, uri: str) -> None:
        """Free what is kept for a document that was closed; unknown ones do no harm."""
        ...

    def stats(self) -> Mapping[str, int | float | str]:
        """Return counters for people to read, such as cached tokens and bytes."""
        ...

    def close(self) -> None:
        """Write what is to be kept beyond the process; called once, at the end."""
        ...
