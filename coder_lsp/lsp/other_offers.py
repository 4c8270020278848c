"""Alternatives to a completion that was asked for explicitly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.alternatives import Alternatives

if TYPE_CHECKING:
    from coder_lsp.completion.completer import CompletionRequest
    from coder_lsp.documents.document import DocumentSnapshot
    from coder_lsp.generation import Branch
    from coder_lsp.lsp.engine_thread import EngineThread


class OtherOffers:
    """The alternatives of one place, the last that was asked at; for the event loop only.

    They go on being generated after the deadline of the request for which they were begun, since
    who wants to choose asks again: then they are there.
    """

    def __init__(self, engine: EngineThread) -> None:
        self._engine = engine
        self._alternatives: Alternatives | None = None
        self._done: asyncio.Future[bool] | None = None

    def leave(self, snapshot: DocumentSnapshot) -> None:
        """Note that a completion is asked for; elsewhere than before, what was begun ends."""
        alternatives = self._alternatives
        if alternatives is not None and alternatives.request.snapshot != snapshot:
            self.interrupt()

    def interrupt(self) -> None:
        """End what was begun, and forget it."""
        if self._alternatives is not None:
            self._alternatives.cancellation.cancel()
        self._alternatives = self._done = None

    async def find(
        self,
        request: CompletionRequest,
        first: str,
        branches: tuple[Branch, ...],
        superseded: asyncio.Future[None],
        deadline: float,
    ) -> tuple[str, ...]:
        """Return completions besides ``first``, those that there are in time.

        As many at most as the request asks for branches.
        """
        alternatives = self._alternatives
        if alternatives is None or self._done is None or not _still_serves(alternatives, request):
            self.interrupt()
            alternatives = Alternatives(request, first, branches, CancellationToken())
            self._alternatives = alternatives
            self._done = asyncio.wrap_future(self._engine.find_alternatives(alternatives))
            self._done.add_done_callback(_take_failure)
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        await asyncio.wait(
            (self._done, superseded), timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        return alternatives.besides(first)


def _still_serves(alternatives: Alternatives, request: CompletionRequest) -> bool:
    """Whether they are for this request, and did not give way to another one's work."""
    return alternatives.request == request and not alternatives.cancellation.is_cancelled


def _take_failure(done: asyncio.Future[bool]) -> None:
    """Leave it at the first completion: what failed here will be told when it fails again."""
    if not done.cancelled():
        done.exception()
