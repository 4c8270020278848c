"""Generations under way: begun for one request, perhaps taken over by a later one.

Superseding or cancelling a request answers it at once, but what was being generated for it goes on
as an orphan: most often the user has just typed its first character.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.completer import CompletionRequest, RunningCompletion
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.open_document import OpenDocument

ORPHAN_SECONDS = 0.25
"""How long a generation that nobody waits for goes on."""


class Generation:
    """A running completion, who waits for it, and when it is done."""

    def __init__(self, running: RunningCompletion, done: "asyncio.Future[bool]") -> None:
        self.running = running
        self.done = done
        self.num_waiting = 0


class Generations:
    """At most one generation for each document; used from the event loop only."""

    def __init__(self, on_done: Callable[[RunningCompletion], None]) -> None:
        self._on_done = on_done
        self._generations: dict[str, Generation] = {}

    def find(self, snapshot: DocumentSnapshot) -> Generation | None:
        """Return the document's generation if it may still answer at the snapshot's cursor."""
        generation = self._generations.get(snapshot.uri)
        if generation is None or not generation.running.may_answer(snapshot):
            return None
        return generation

    def begin(
        self,
        request: CompletionRequest,
        submit: Callable[[RunningCompletion], Future[bool]],
    ) -> Generation:
        """Begin one; the document's earlier one and all orphans make room for it."""
        uri = request.snapshot.uri
        for other, generation in tuple(self._generations.items()):
            if other == uri or generation.num_waiting == 0:
                self.cancel(other)
        running = RunningCompletion(request, CancellationToken())
        generation = Generation(running, asyncio.wrap_future(submit(running)))
        self._generations[uri] = generation
        generation.done.add_done_callback(lambda _: self._end(uri, generation))
        return generation

    @contextmanager
    def waiting(self, generation: Generation) -> Iterator[None]:
        """Wait for a generation inside the block; left alone afterwards, it soon ends."""
        generation.num_waiting += 1
        try:
            yield
        finally:
            generation.num_waiting -= 1
            if generation.num_waiting == 0 and not generation.done.done():
                loop = asyncio.get_running_loop()
                loop.call_later(ORPHAN_SECONDS, _end_orphan, generation)

    def edited(self, document: OpenDocument) -> None:
        """Stop the document's generation when an edit disagrees with it."""
        generation = self._generations.get(document.uri)
        if generation is None:
            return
        if not generation.running.may_answer_edit(document.text, document.edit_end):
            self.cancel(document.uri)

    def cancel(self, uri: str) -> None:
        """Stop a document's generation; without one it does no harm."""
        generation = self._generations.pop(uri, None)
        if generation is not None:
            generation.running.cancellation.cancel()

    def cancel_all(self) -> None:
        """Stop everything."""
        for uri in tuple(self._generations):
            self.cancel(uri)

    def _end(self, uri: str, generation: Generation) -> None:
        if self._generations.get(uri) is generation:
            del self._generations[uri]
        done = generation.done
        if not done.cancelled() and done.exception() is None and done.result():
            self._on_done(generation.running)


def _end_orphan(generation: Generation) -> None:
    if generation.num_waiting == 0:
        generation.running.cancellation.cancel()
