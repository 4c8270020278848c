"""Prefill the prompt, then decode one token at a time: a generator of tokens that owns no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.forced_text import ForcedText
    from coder_lsp.engine.kv_cache import KVCache
    from coder_lsp.engine.model_runner import ModelRunner
    from coder_lsp.engine.sampler import SampledToken, Sampler

    Logits = npt.NDArray[np.float32]

PREFILL_CHUNK = 128
"""Tokens computed between two looks at the cancellation token."""


def prefill(
    runner: ModelRunner,
    cache: KVCache,
    token_ids: Sequence[int],
    cancellation: CancellationToken,
) -> Logits:
    """Compute the tokens of the prompt that ``cache`` does not hold yet; at least one.

    Returns the logits ``[vocab_size]`` after the last of them. Raises ``Cancelled``; the chunks
    computed until then stay in the cache.
    """
    for start in range(cache.offset, len(token_ids), PREFILL_CHUNK):
        logits = runner.run(cache, token_ids[start : start + PREFILL_CHUNK], cancellation)
    last: Logits = logits[-1]
    return last


def decode(
    runner: ModelRunner,
    cache: KVCache,
    logits: Logits,
    sampler: Sampler,
    forced: ForcedText,
    cancellation: CancellationToken,
) -> Iterator[SampledToken]:
    """Yield tokens without end, the first ones as ``forced`` demands.

    A token is run only when the one after it is wanted: the consumer stops by not asking. Raises
    ``Cancelled``.
    """
    while True:
        token = sampler.sample(logits, forced.allowed_ids())
        forced.advance(token.token_id)
        yield token
        logits = runner.run(cache, [token.token_id], cancellation)[-1]
