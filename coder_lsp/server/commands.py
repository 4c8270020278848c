"""``workspace/executeCommand``: what the client tells after an offer is taken, and counters."""

import asyncio
from typing import Any

from coder_lsp.completer import Completion
from coder_lsp.server.language_server import CoderServer

STATS_COMMAND = "coder-lsp.stats"


def accept(ls: CoderServer, offer_id: str) -> bool:
    """Count that an offer was taken; False when it is not known."""
    return ls.session.accept(offer_id)


async def stats(ls: CoderServer) -> dict[str, Any]:
    """Return counters of session and backend, and what the last completion took.

    Waits for the engine to come to it. Times are in milliseconds.
    """
    backend = await asyncio.wrap_future(ls.engine.stats())
    last = ls.session.last_completion
    return {
        "session": dict(ls.session.stats()),
        "backend": dict(backend),
        "lastCompletion": None if last is None else _describe(last),
    }


def _describe(completion: Completion) -> dict[str, Any]:
    return {
        "finishReason": completion.finish_reason,
        "numPromptTokens": completion.usage.num_prompt_tokens,
        "numCachedTokens": completion.usage.num_cached_tokens,
        "numNewTokens": completion.usage.num_new_tokens,
        "numGeneratedTokens": completion.usage.num_generated_tokens,
        "timeToFirstTokenMs": completion.time_to_first_token_ms,
        "totalMs": completion.total_ms,
        "refusedBy": completion.refused_by,
        "model": completion.model,
    }
