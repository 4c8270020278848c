"""What came of a request."""

from dataclasses import dataclass
from typing import Literal

from coder_lsp.generation import Branch, FinishReason, GenerationUsage

Source = Literal["model", "running", "completion cache"]
"""Where a completion comes from: a generation of its own, one that was already running, or the
recent completions. How much of a prompt was cached is in the usage."""


NOTHING_USED = GenerationUsage()


@dataclass(frozen=True, slots=True)
class Completion:
    r"""What came of a request.

    ``text`` is what to show; it is empty if a rule refused it (``refused_by`` names the rule).
    ``raw`` is what the model wrote, with ``\n`` as line end. ``alternatives`` are other texts than
    ``text``. Times are in milliseconds from the start of the generation;
    ``time_to_first_token_ms`` is None if no token was generated. ``mean_logprob`` is the mean
    natural logarithm of the generated tokens' probabilities, None if there are none. ``branches``
    are the alternative tokens, if the request asked for them; the ``logprob`` of each is the sum
    over all tokens up to and including it.
    """

    text: str
    raw: str
    finish_reason: FinishReason
    source: Source = "model"
    alternatives: tuple[str, ...] = ()
    usage: GenerationUsage = NOTHING_USED
    time_to_first_token_ms: float | None = None
    total_ms: float = 0.0
    mean_logprob: float | None = None
    refused_by: str | None = None
    model: str = ""
    branches: tuple[Branch, ...] = ()
