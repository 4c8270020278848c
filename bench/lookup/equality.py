"""Whether decoding ahead leaves the output as it was."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.lookup.decoder import Continuation, Decoder
from bench.source_prompts import source_texts
from coder_lsp.prompt.fim_template import arrange

NUM_NEW_TOKENS = 48
NEAR_TIE = 1e-3
MAX_NEAR_TIE_SHARE = 0.005
_MAX_PROMPT_TOKENS = 384
_SEED = 20_27


@dataclass(slots=True)
class Equality:
    """Sums over prompts; ``tokens`` were compared, up to a near tie in each continuation."""

    precision: str
    prompts: int = 0
    tokens: int = 0
    mismatches: int = 0
    near_ties: int = 0
    max_abs_logprob_error: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether a float32 model keeps the promise."""
        return self.mismatches == 0 and self.near_ties < MAX_NEAR_TIE_SHARE * self.tokens


def measure_equality(decoder: Decoder, num_prompts: int) -> Equality:
    """Continue each prompt in the plainest way and with every draft there is, and compare.

    The drafter remembers all completions so far; each prompt is continued twice, the second time
    with its own first completion in the memory, so that long drafts are accepted too.
    """
    equality = Equality(decoder.manifest.precision)
    drafter = decoder.create_drafter("on")
    for prompt in _prompts(decoder, num_prompts):
        expected, leads = decoder.continue_plainly(prompt, NUM_NEW_TOKENS)
        equality.prompts += 1
        for _ in range(2):
            found = decoder.continue_prompt(prompt, drafter.begin(prompt), NUM_NEW_TOKENS)
            equality.drafted_tokens += sum(width - 1 for width in found.widths)
            equality.accepted_tokens += len(found.token_ids) - 1 - len(found.widths)
            _compare(equality, found, expected, leads)
    return equality


def _compare(
    equality: Equality, found: Continuation, expected: Continuation, leads: tuple[float, ...]
) -> None:
    for i, token_id in enumerate(expected.token_ids):
        if leads[i] < NEAR_TIE:
            equality.near_ties += 1
            return
        equality.tokens += 1
        if i >= len(found.token_ids) or found.token_ids[i] != token_id:
            equality.mismatches += 1
            return
        error = abs(found.logprobs[i] - expected.logprobs[i])
        equality.max_abs_logprob_error = max(equality.max_abs_logprob_error, error)


def _prompts(decoder: Decoder, number: int) -> Iterator[list[int]]:
    """Yield fill-in-the-middle prompts cut from source files at random."""
    generator = np.random.default_rng(_SEED)
    for text in source_texts(number):
        token_ids = decoder.tokenizer.encode(text)
        window = token_ids[: int(generator.integers(32, _MAX_PROMPT_TOKENS))]
        hole = int(generator.integers(1, len(window)))
        yield arrange(decoder.manifest.fim, window[:hole], window[hole + 16 :])
