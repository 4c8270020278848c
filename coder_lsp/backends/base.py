"""What a backend is asked, and what it must be able to do."""

from collections.abc import Callable, Generator, Mapping
from typing import Protocol

from coder_lsp.cancellation import CancellationToken
from coder_lsp.generation import GenerationChunk
from coder_lsp.request import Request


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
        self, request: Request, cancellation: CancellationToken
    ) -> Generator[GenerationChunk, None, None]:
        """Yield the middle piece by piece; the last chunk alone has a ``finish_reason``.

        A cancelled generation ends with ``finish_reason="cancelled"`` instead of raising. A caller
        that has seen enough closes the generator. Raises ``BackendError`` or ``EngineError``.
        """
        ...

    def prepare(
        self,
        request: Request,
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
