"""What a rule is: it may end a completion earlier, and do nothing else."""

from collections.abc import Callable
from dataclasses import dataclass

from coder_lsp.postprocess.place import Place


@dataclass(frozen=True, slots=True)
class Draft:
    """A completion as far as it is known; its lines end at a line feed.

    ``has_ended``: nothing follows, so that its end is as good as a line end.
    """

    text: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The completion is ``text[:end]``, and that was certain once ``text[:seen]`` was read."""

    end: int
    seen: int


Judge = Callable[[Draft, Place], Cut | None]
"""Where to cut a draft, or None to leave it.

Of a draft that has not ended the judgement is *final*: it is the same for every continuation, and
for every beginning that reaches ``seen``. Whoever cuts such a draft also cuts it once it has ended,
when ``seen`` is no longer looked at.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """A judgement and the name under which it refuses."""

    name: str
    judge: Judge
