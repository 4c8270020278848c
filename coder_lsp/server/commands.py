"""``workspace/executeCommand``: what the client tells after an offer is taken, and counters."""

import asyncio
from typing import Any

from coder_lsp.server.language_server import CoderServer
from coder_lsp.session import Answer

STATS_COMMAND = "coder-lsp.stats"


def accept(ls: CoderServer, offer_id: str) -> bool:
    """Count that an offer was taken; False when it is not known."""
    return ls.session.accept(offer_id)


async def stats(ls: CoderServer) -> dict[str, Any]:
    """Return counters of session and backend, and what the last completion took.

    Waits for the engine to come to it. Times are in milliseconds.
    """
    backend = await asyncio.wrap_future(ls.engine.stats())
    last = ls.session.last_answer
    return {
        "session": dict(ls.session.stats()),
        "pending": ls.protocol.num_pending,
        "backend": dict(backend),
        "lastCompletion": None if last is None else _describe(last),
    }


def _describe(answer: Answer) -> dict[str, Any]:
    """Describe an answer; one that was known already cost no tokens and no time."""
    completion = answer.completion
    if completion is None:
        return {"source": answer.source, "numNewTokens": 0, "timeToFirstTokenMs": 0.0}
    return {
        "source": answer.source,
        "finishReason": completion.finish_reason,
        "numPromptTokens": completion.usage.num_prompt_tokens,
        "numCachedTokens": completion.usage.num_cached_tokens,
        # What an earlier request had computed already is not counted twice.
        "numNewTokens": 0 if answer.source == "running" else completion.usage.num_new_tokens,
        "numGeneratedTokens": completion.usage.num_generated_tokens,
        "timeToFirstTokenMs": completion.time_to_first_token_ms,
        "totalMs": completion.total_ms,
        "refusedBy": completion.refused_by,
        "model": completion.model,
    }
