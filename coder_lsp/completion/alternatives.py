"""Alternatives to a completion, for a user who asked explicitly and wants to choose.

Each alternative leaves the most likely text at one token and continues greedily from there. The
most likely branches are tried first, so the same request has the same alternatives. No two
alternatives contain the same words.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.completion.generation import Generation

if TYPE_CHECKING:
    from coder_lsp.backends.base import Backend
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.completion.completion import Completion
    from coder_lsp.generation import Branch
    from coder_lsp.request import Request

_TRIES = 2
"""Branches tried for each alternative that is wanted: some end in the same text, or in none."""
_MIN_LOGPROB = math.log(0.01)
"""Minimum of a whole branch; a less likely one is hardly what the user has in mind."""


class Alternatives:
    """Alternatives while they are generated: written by one thread, read by any."""

    def __init__(
        self,
        request: Request,
        first: str,
        branches: tuple[Branch, ...],
        cancellation: CancellationToken,
    ) -> None:
        """``first`` is the completion; the request says how many alternatives to it are wanted.

        If ``branches`` is empty because ``first`` was not generated for this request, it is
        generated now.
        """
        self.request = request
        self.cancellation = cancellation
        self._texts: tuple[str, ...] = (first,)
        self._branches = branches
        self._number = request.options.num_branches

    def other_than(self, first: str) -> tuple[str, ...]:
        """Return the texts found so far whose words differ from those of ``first``."""
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

    def _complete(self, request: Request, backend: Backend) -> Completion:
        generation = Generation(request, self.cancellation)
        generation.run(backend)
        return generation.completion_for(request)

    def _add(self, completion: Completion) -> None:
        known = {_words(text) for text in self._texts}
        if completion.text and _words(completion.text) not in known:
            self._texts = (*self._texts, completion.text)


def _promising(branches: tuple[Branch, ...], num_shown: int) -> list[Branch]:
    """Return the branches within the text that is shown, the most likely first."""
    inside = [b for b in branches if b.offset < num_shown and b.logprob >= _MIN_LOGPROB]
    return sorted(inside, key=lambda branch: -branch.logprob)


def _words(text: str) -> str:
    return " ".join(text.split())
