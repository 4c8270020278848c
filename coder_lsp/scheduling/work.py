"""The table of work: everything that is in flight, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.alternatives import Alternatives
from coder_lsp.completion.generation import Generation

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from concurrent.futures import Future

    from coder_lsp.request import Request

Kind = Literal["request", "generation", "ahead", "alternatives", "prepare"]
"""``request``: a client waits for an answer. ``generation``: the model writes for a request.

The others are background work: ``ahead`` generates what would follow an acceptance,
``alternatives`` generates more choices, ``prepare`` computes the next prompt.
"""

BACKGROUND: tuple[Kind, ...] = ("ahead", "alternatives", "prepare")


@dataclass(slots=True, eq=False)
class Work:
    """Work for one document.

    ``job`` is the call on the engine thread and ``done`` the same for the event loop; ``task`` is
    the coroutine of work that begins later. ``waiting`` are the requests that wait for it.
    """

    kind: Kind
    request: Request
    cancellation: CancellationToken = field(default_factory=CancellationToken)
    content: Generation | Alternatives | None = None
    job: Future[Any] | None = None
    done: asyncio.Future[Any] | None = None
    task: asyncio.Task[None] | None = None
    waiting: list[Work] = field(default_factory=list)
    orphan_timer: asyncio.TimerHandle | None = None

    @property
    def uri(self) -> str:
        """The document's URI."""
        return self.request.snapshot.uri

    @property
    def generation(self) -> Generation:
        """The generation, of works that have one."""
        assert isinstance(self.content, Generation)
        return self.content

    @property
    def alternatives(self) -> Alternatives:
        """The alternatives, of works of that kind."""
        assert isinstance(self.content, Alternatives)
        return self.content

    @property
    def is_wanted(self) -> bool:
        """Whether a request that was not superseded waits for it."""
        return any(not asked.cancellation.is_cancelled for asked in self.waiting)

    def cancel(self) -> None:
        """Stop it if it runs, withdraw it if it has not begun."""
        self.cancellation.cancel()
        if self.job is not None:
            self.job.cancel()
        if self.task is not None:
            self.task.cancel()
        self.stop_timer()

    def stop_timer(self) -> None:
        """Keep an orphan."""
        if self.orphan_timer is not None:
            self.orphan_timer.cancel()
            self.orphan_timer = None


class WorkTable:
    """All work in flight. Work that was dropped is cancelled and forgotten."""

    def __init__(self) -> None:
        self._works: list[Work] = []

    def __contains__(self, work: Work) -> bool:
        return work in self._works

    def of(self, *kinds: Kind, uri: str | None = None) -> list[Work]:
        """Return the work of some kinds (all if none is named), of one document or of all."""
        return [
            work
            for work in self._works
            if (not kinds or work.kind in kinds) and (uri is None or work.uri == uri)
        ]

    def add(self, work: Work) -> None:
        """Hold work until it is removed or dropped."""
        self._works.append(work)

    def remove(self, work: Work) -> bool:
        """Let go of work that is done; False if it had been dropped."""
        is_held = work in self._works
        if is_held:
            self._works.remove(work)
            work.stop_timer()
        return is_held

    def drop(self, works: Iterable[Work]) -> None:
        """Cancel works and let go of them."""
        for work in works:
            self.remove(work)
            work.cancel()
