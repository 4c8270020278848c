"""From generated tokens to pieces of text, and where the text ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.engine.decoding.branches import Branches
from coder_lsp.engine.decoding.stop import StopStrings
from coder_lsp.errors import Cancelled
from coder_lsp.generation import FinishReason, GenerationChunk, GenerationUsage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.engine.decoding.detokenizer import Detokenizer
    from coder_lsp.engine.decoding.sampler import SampledToken


def text_chunks(
    tokens: Iterator[SampledToken],
    detokenizer: Detokenizer,
    end_ids: Collection[int],
    stop_strings: tuple[str, ...],
    usage: GenerationUsage,
    cache: KVCache,
) -> Iterator[GenerationChunk]:
    """Yield a chunk for each token, and one more if nothing but a limit or a cancel ends the text.

    One of ``end_ids``, or a stop string, ends the text before it.
    """
    stop = StopStrings(stop_strings)
    others = Branches(end_ids)
    reason: FinishReason = "length"
    try:
        for token in tokens:
            usage = replace(usage, num_generated_tokens=usage.num_generated_tokens + 1)
            if token.token_id in end_ids:
                yield GenerationChunk(stop.flush(), (token.logprob,), "stop", usage)
                return
            branches = others.of(token)
            result = stop.add(detokenizer.add(token.token_id))
            others.add(token.token_id, result.text)
            reached: FinishReason | None = "stop" if result.is_stopped else None
            yield GenerationChunk(result.text, (token.logprob,), reached, usage, branches)
            if result.is_stopped:
                return
    except Cancelled:
        reason = "cancelled"
        # Only the computed part of the prompt counts.
        num_prompt_tokens = min(usage.num_prompt_tokens, cache.offset)
        usage = replace(usage, num_prompt_tokens=num_prompt_tokens)
    yield GenerationChunk(stop.flush(), finish_reason=reason, usage=usage)
