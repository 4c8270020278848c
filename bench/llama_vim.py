"""What llama.vim asks of llama-server at a keystroke.

After ``s:fim_ctx_local`` and ``llama#fim`` of llama.vim (January 2026): lines above and below the
cursor, the cursor's line up to the cursor as ``prompt``, one slot for everything. Left out are its
own cache of completions, its ring of extra context and the request that it sends ahead as if what
is shown had been accepted: the keystroke's own request is measured.
"""

import re
from dataclasses import dataclass
from typing import Any

_BLANK = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class LineWindow:
    """llama.vim's ``n_prefix`` and ``n_suffix``: lines above and below the cursor's."""

    num_before: int = 256
    num_after: int = 64


def infill_request(
    text: str, cursor: int, window: LineWindow, max_new_tokens: int
) -> dict[str, Any]:
    """Return the body of a request to ``/infill``."""
    *above, before = text[:cursor].split("\n")
    after, *below = text[cursor:].split("\n")
    if below and not below[-1]:  # Vim has no line after the last line end
        below.pop()
    line = before + after
    indent = len(line) - len(line.lstrip())
    if _BLANK.fullmatch(line):
        before = after = ""
        indent = 0
    return {
        "id_slot": 0,
        "input_prefix": "\n".join(above[-window.num_before :]) + "\n",
        "input_suffix": "\n".join([after, *below[: window.num_after]]) + "\n",
        "input_extra": [],
        "prompt": before,
        "n_predict": max_new_tokens,
        "stop": [],
        "n_indent": indent,
        "top_k": 40,
        "top_p": 0.9,
        "samplers": ["top_k", "top_p", "infill"],
        "temperature": 0,
        "seed": 1,
        "cache_prompt": True,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 250,
    }
