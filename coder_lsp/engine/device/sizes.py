"""Sizes that are chosen for a model and a machine if the user leaves them open.

They follow from the model's context length, the bytes that its cache takes for a token, the memory
that is free, and the measured pace of prompts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder_lsp.engine.device.memory import cache_bytes_of_a_document, plan_memory

if TYPE_CHECKING:
    from coder_lsp.models.model_folder import Manifest, ModelFolder

WINDOW_SECONDS = 10.0
"""A window is computed in idle time. If it takes longer, the user has moved on."""
MIN_CONTEXT_TOKENS = 1024
"""About 80 lines. A smaller window is not worth having, however slow the machine."""
MAX_CONTEXT_TOKENS = 8192
"""More code than is near the cursor. Each token of it makes every generated token slower."""
MEMORY_SHARE = 0.25
"""Of the memory that the model leaves free; the editor and other programs need the rest."""
NUM_DOCUMENTS = 8
"""Documents whose caches should be kept, so that going back to one costs nothing."""
MIN_CACHE_BYTES = 512 << 20
"""A model with a small cache keeps more documents."""
FIRST_PROMPT_TOKENS = 256
"""The part of a window that a first answer should see: about 20 lines."""
MIN_TIME_BUDGET_MS = 600
MAX_TIME_BUDGET_MS = 700
"""VS Code drops ghost text that comes 750 ms after the keystroke, if a list may open by then."""


def context_for_memory(folder: ModelFolder, memory_bytes: int) -> int:
    """Return the largest context that the memory has room for.

    Contexts are powers of two, so that a start with a little less memory chooses the same one and
    finds the windows of the last run on disk.
    """
    context_tokens = MAX_CONTEXT_TOKENS
    while context_tokens > MIN_CONTEXT_TOKENS:
        needs = plan_memory(folder, context_tokens)
        if needs.cache <= (memory_bytes - needs.weights - needs.workspace) * MEMORY_SHARE:
            break
        context_tokens //= 2
    return min(context_tokens, folder.manifest.context_length)


def context_for_pace(context_tokens: int, seconds_per_token: float) -> int:
    """Return the largest context, at most ``context_tokens``, that is computed in good time."""
    affordable = MAX_CONTEXT_TOKENS
    while affordable > MIN_CONTEXT_TOKENS and affordable * seconds_per_token > WINDOW_SECONDS:
        affordable //= 2
    return min(affordable, context_tokens)


def cache_bytes_for(manifest: Manifest, context_tokens: int, memory_bytes: int | None) -> int:
    """Return the budget of all KV caches, of ``memory_bytes`` that the model leaves free.

    ``memory_bytes`` is None if nobody could tell.
    """
    document = cache_bytes_of_a_document(manifest, context_tokens)
    if memory_bytes is None:
        return max(MIN_CACHE_BYTES, document)
    wanted = max(NUM_DOCUMENTS * document, MIN_CACHE_BYTES)
    return max(min(wanted, int(memory_bytes * MEMORY_SHARE)), document)


def time_budget_ms_for(seconds_per_token: float, prefill_share: float) -> int:
    """Return how long a request may take, if ``prefill_share`` of that is for its prompt."""
    wanted = FIRST_PROMPT_TOKENS * seconds_per_token / prefill_share * 1000
    return round(min(max(wanted, MIN_TIME_BUDGET_MS), MAX_TIME_BUDGET_MS))
