"""The same cuda graph by the CPU's kernels and by the GPU's: logits and greedy tokens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.decode.subject import random_ids
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.kv_cache import KVCache
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.settings import Providers
from onnx_export.agreement import greedy_agreement, max_abs_error

PROMPT_CHUNKS = (64, 1, 7, 128)
_NUM_NEW_TOKENS = 32
_REWIND = 40

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the second provider's logits are from the first's, and how often it agrees."""

    precision: str
    provider: str
    reference_provider: str
    num_prompt_tokens: int
    max_abs_logit_error: float
    after_rewind_max_abs_error: float
    is_greedy_mismatch: bool
    is_near_tie: bool
    num_agreeing: int
    num_new_tokens: int


def compare(
    folder: ModelFolder, num_threads: int, providers: tuple[Providers, Providers]
) -> Parity:
    """Run a model on two providers; the first is the reference. Raises ``EngineError``."""
    reference, runner = (ModelRunner(folder, num_threads, name) for name in providers)
    prompt = prompt_ids(folder)
    num_tokens = len(prompt)
    found = all_logits(runner, prompt)
    continuation = _continue(runner, prompt)
    # Once for both comparisons: the CPU is slow at a graph that was made for a GPU.
    rows = all_logits(reference, [*prompt, *continuation])
    expected = rows[:num_tokens]
    agreement = greedy_agreement(continuation, rows[num_tokens - 1 : -1])
    return Parity(
        precision=folder.manifest.precision,
        provider=runner.provider,
        reference_provider=reference.provider,
        num_prompt_tokens=num_tokens,
        max_abs_logit_error=max_abs_error(found, expected),
        after_rewind_max_abs_error=max_abs_error(
            _read_after_rewind(runner, prompt), expected[-_REWIND:]
        ),
        is_greedy_mismatch=agreement.is_mismatch,
        is_near_tie=agreement.is_near_tie,
        num_agreeing=agreement.num_agreeing,
        num_new_tokens=_NUM_NEW_TOKENS,
    )


def prompt_ids(folder: ModelFolder) -> list[int]:
    """Return the tokens that are read: text that nobody wrote."""
    chance = random.Random(2)  # noqa: S311 (a measurement)
    return random_ids(chance, sum(PROMPT_CHUNKS), folder.manifest.num_generable_ids)


def all_logits(runner: ModelRunner, token_ids: Sequence[int]) -> Logits:
    """Return all tokens' logits, read in chunks into a cache that has to grow."""
    return _append(runner, runner.create_cache(1), token_ids)


def _read_after_rewind(runner: ModelRunner, prompt: Sequence[int]) -> Logits:
    """Return the last tokens' logits, read again after a rewind, in a fork."""
    cache = runner.create_cache(len(prompt))
    _append(runner, cache, [*prompt[:-_REWIND], *prompt[:_REWIND]])
    cache.trim(_REWIND)
    fork = cache.fork(cache.offset, len(prompt))
    return _append(runner, fork, prompt[-_REWIND:])


def _append(runner: ModelRunner, cache: KVCache, token_ids: Sequence[int]) -> Logits:
    parts: list[Logits] = []
    start = 0
    while start < len(token_ids):
        chunk = token_ids[start : start + PROMPT_CHUNKS[len(parts) % len(PROMPT_CHUNKS)]]
        parts.append(runner.run(cache, chunk, CancellationToken(), num_logits=len(chunk)))
        start += len(chunk)
    return np.concatenate(parts)


def _continue(runner: ModelRunner, prompt: Sequence[int]) -> list[int]:
    cache = runner.create_cache(len(prompt) + _NUM_NEW_TOKENS)
    logits = _append(runner, cache, prompt)[-1]
    chosen = [int(logits.argmax())]
    while len(chosen) < _NUM_NEW_TOKENS:
        logits = runner.run(cache, chosen[-1:], CancellationToken())[-1]
        chosen.append(int(logits.argmax()))
    return chosen
