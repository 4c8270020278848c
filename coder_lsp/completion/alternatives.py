"""Other completions than the first, for a user who asked and wants to choose.

Each leaves the likeliest text at one token and goes on greedily from there: the likeliest such ways
come first, so that the same request has the same alternatives. No two of them say the same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.completion.completer import Completion, RunningCompletion

if TYPE_CHECKING:
    from coder_lsp.backends.base import Backend
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.completion.completer import CompletionRequest
    from coder_lsp.generation import Branch

_TRIES = 2
"""Ways tried for each alternative that is wanted: some say the same in the end, or nothing."""
_MIN_LOGPROB = math.log(0.01)
"""Of a way as a whole; a less likely one would hardly be what the user has in mind."""


class Alternatives:
    """Alternatives while they are generated: written by one thread, read by any."""

    def __init__(
        self,
        request: CompletionRequest,
        first: str,
        branches: tuple[Branch, ...],
        cancellation: CancellationToken,
    ) -> None:
        """``first`` is what is offered first anyway; as many others are wanted as branches.

        Without ``branches``, because that was not generated for this request, it is generated now.
        """
        self.request = request
        self.cancellation = cancellation
        self._texts: tuple[str, ...] = (first,)
        self._branches = branches
        self._number = request.options.num_branches

    def besides(self, first: str) -> tuple[str, ...]:
        """Return what was found so far that says something else than ``first``."""
        return tuple(text for text in self._texts if _words(text) != _words(first))[: self._number]

    def run(self, backend: Backend) -> None:
        """Generate to the end. Raises ``BackendError`` and ``EngineError``, never ``Cancelled``."""
        branches = self._branches
        if not branches:
            completion = self._complete(replace(self.request, branch=None), backend)
            branches = completion.branches
            self._add(completion)
        shown = self._texts[0].replace("\r\n", "\n")
        for branch in _promising(branches, len(shown))[: _TRIES * self._number]:
            if self.cancellation.is_cancelled or len(self._texts) > self._number:
                return
            self._add(self._complete(replace(self.request, branch=branch), backend))

    def _complete(self, request: CompletionRequest, backend: Backend) -> Completion:
        running = RunningCompletion(request, self.cancellation)
        running.run(backend)
        return running.completion_for(request)

    def _add(self, completion: Completion) -> None:
        known = {_words(text) for text in self._texts}
        if completion.text and _words(completion.text) not in known:
            self._texts = (*self._texts, completion.text)


def _promising(branches: tuple[Branch, ...], num_shown: int) -> list[Branch]:
    """Return the ways that part within what is shown, the likeliest first."""
    inside = [b for b in branches if b.offset < num_shown and b.logprob >= _MIN_LOGPROB]
    return sorted(inside, key=lambda branch: -branch.logprob)


def _words(text: str) -> str:
    return " ".join(text.split())
