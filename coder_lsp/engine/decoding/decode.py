"""Prefill the prompt, then decode: a generator of tokens that owns no text.

A pass computes one token. With a draft it reads the draft's tokens after the last one generated,
and keeps them as long as each is what the model itself chooses.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.prefill_pace import FIRST_CHUNK, PrefillPace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.engine.decoding.drafter import Drafts
    from coder_lsp.engine.decoding.forced_text import ForcedText
    from coder_lsp.engine.decoding.sampler import SampledToken, Sampler
    from coder_lsp.engine.model_runner import ModelRunner

    Logits = npt.NDArray[np.float32]


def prefill(
    runner: ModelRunner,
    cache: KVCache,
    token_ids: Sequence[int],
    pace: PrefillPace,
    cancellation: CancellationToken,
    on_progress: Callable[[float], None] | None = None,
) -> Logits:
    """Compute the tokens of the prompt that ``cache`` does not hold yet: one or more.

    Returns the logits ``[vocab_size]`` after the last of them. Raises ``Cancelled``; the chunks
    computed until then stay in the cache. ``pace`` chooses the chunks and learns from them.
    ``on_progress`` is given the share of the prompt that the cache holds, after each chunk.
    """
    while cache.offset < len(token_ids):
        chunk = token_ids[cache.offset : cache.offset + pace.chunk_size]
        started = perf_counter()
        logits = runner.run(cache, chunk, cancellation)
        pace.record(len(chunk), perf_counter() - started)
        if on_progress is not None:
            on_progress(cache.offset / len(token_ids))
    last: Logits = logits[-1]
    return last


def measure_pace(runner: ModelRunner, token_ids: Sequence[int], num_layers: int) -> PrefillPace:
    """Compute the tokens repeatedly, so that windows can be chosen. This also warms up."""
    prompt = list(token_ids) * FIRST_CHUNK
    warm_up, pace = PrefillPace(num_layers), PrefillPace(num_layers)
    for recorder in (warm_up, pace, pace):  # the first run also allocates
        prefill(runner, runner.create_cache(len(prompt)), prompt, recorder, CancellationToken())
    return pace


def decode(
    runner: ModelRunner,
    cache: KVCache,
    logits: Logits,
    sampler: Sampler,
    forced: ForcedText,
    drafts: Drafts,
    max_new_tokens: int,
    cancellation: CancellationToken,
) -> Iterator[SampledToken]:
    """Yield ``max_new_tokens`` tokens, the first ones as ``forced`` demands.

    A pass runs only when its first token is wanted: the consumer stops by not asking. ``drafts``
    changes the number of passes and nothing else; it is asked only while a greedy ``sampler``
    chooses freely. ``cache`` holds all tokens yielded but the last one, and after a draft also
    those to be yielded next. Raises ``Cancelled``.
    """
    draft: Sequence[int] = ()
    rows = logits[None]
    num_wanted = max_new_tokens
    while True:
        tokens = _accept(rows, draft, sampler, forced)
        cache.trim(len(draft) + 1 - len(tokens))
        num_wanted -= len(tokens)
        for i, token in enumerate(tokens):
            if i > 0:  # tokens that are computed already are not wanted any more either
                cancellation.raise_if_cancelled()
            drafts.add(token.token_id)
            yield token
        if num_wanted <= 0:
            return
        can_draft = sampler.is_greedy and not forced.is_pending
        draft = drafts.propose(num_wanted - 1) if can_draft else ()
        started = perf_counter()
        last = tokens[-1].token_id
        rows = runner.run(cache, [last, *draft], cancellation, num_logits=len(draft) + 1)
        drafts.record_pass(len(draft) + 1, perf_counter() - started)


def _accept(
    rows: Logits, draft: Sequence[int], sampler: Sampler, forced: ForcedText
) -> list[SampledToken]:
    """Choose a token by each row of logits ``[N, vocab_size]`` as long as the draft agrees."""
    tokens = []
    for row, drafted in zip(rows, (*draft, None), strict=True):
        token = sampler.sample(row, forced.allowed_ids())
        forced.advance(token.token_id)
        tokens.append(token)
        if token.token_id != drafted:
            break
    return tokens
