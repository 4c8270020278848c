"""Whatever is proposed, decoding yields what it yields token by token, on the tiny random model.

A position where the model's two best logits are closer than rounding is not compared, nor what
comes after it.
"""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.decoding.decode import decode, prefill
from coder_lsp.engine.decoding.drafter import NoDrafts
from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.engine.decoding.sampler import Sampler
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.prefill_pace import PrefillPace
from coder_lsp.errors import Cancelled
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer

NEAR_TIE = 1e-4
FEW = settings(max_examples=25, deadline=None)
PROMPT = [0, 40, 41, 42, 43, 44]


class CountingRunner:
    """The real runner, which also remembers how wide its passes were."""

    def __init__(self, runner):
        self._runner, self.widths = runner, []

    def create_cache(self, capacity):
        return self._runner.create_cache(capacity)

    def run(self, cache, token_ids, cancellation, num_logits=1):
        logits = self._runner.run(cache, token_ids, cancellation, num_logits)
        self.widths.append(len(token_ids))
        return logits


class ScriptedDrafts:
    """Proposes the continuation that it was given, here and there spoilt."""

    def __init__(self, continuation, lengths, spoilt=()):
        self._continuation, self._lengths, self._spoilt = continuation, list(lengths), set(spoilt)
        self.added = []

    def add(self, token_id):
        self.added.append(token_id)

    def propose(self, max_length):
        length = min(self._lengths.pop(0) if self._lengths else 0, max_length)
        start = len(self.added)
        draft = self._continuation[start : start + length]
        return [(t + 1) % 300 if start + i in self._spoilt else t for i, t in enumerate(draft)]

    def record_pass(self, width, seconds):
        assert width > 0
        assert seconds >= 0


def fast_pace():
    """Return a pace at which the prompts here are computed in one chunk."""
    pace = PrefillPace(num_layers=1)
    pace.record(num_tokens=100, seconds=0.001)
    return pace


@pytest.fixture(scope="module")
def model(any_tiny_folder):
    folder = ModelFolder.read(any_tiny_folder)
    return folder, ModelRunner(folder, num_threads=1)


def decoding(model, prompt, drafts, num_tokens, options=None, forced=b"", cancellation=None):
    """Start decoding. Returns the generator of tokens, the cache and the runner."""
    folder, runner = model[0], CountingRunner(model[1])
    cancellation = cancellation or CancellationToken()
    cache = runner.create_cache(len(prompt) + num_tokens)
    logits = prefill(runner, cache, prompt, fast_pace(), cancellation)
    tokenizer = Tokenizer(folder.tokenizer_path)
    vocabulary = Vocabulary(tokenizer, range(5, folder.manifest.num_generable_ids))
    tokens = decode(
        runner,
        cache,
        logits,
        Sampler(options or GenerationOptions(), (), folder.manifest.num_generable_ids),
        ForcedText(vocabulary, tokenizer, forced),
        drafts,
        num_tokens,
        cancellation,
    )
    return tokens, cache, runner


def plain(model, prompt, num_tokens):
    """Return tokens chosen one by one, up to the first near tie, and their log-probabilities."""
    folder, runner = model
    cache = runner.create_cache(len(prompt) + num_tokens)
    logits = prefill(runner, cache, prompt, fast_pace(), CancellationToken())
    token_ids, logprobs = [], []
    for _ in range(num_tokens):
        scores = logits[: folder.manifest.num_generable_ids].astype(np.float64)
        second, first = np.sort(scores)[-2:]
        if first - second < NEAR_TIE:
            break
        token_ids.append(int(scores.argmax()))
        logprobs.append(first - np.log(np.exp(scores - first).sum()) - first)
        logits = runner.run(cache, token_ids[-1:], CancellationToken())[-1]
    return token_ids, logprobs


def check_consistent(model, cache):
    """The rows of a cache are those of its tokens: what is read next sees the same past."""
    token_ids = list(cache.token_ids)
    fresh = model[1].create_cache(len(token_ids) + 1)
    expected = prefill(model[1], fresh, [*token_ids, 50], fast_pace(), CancellationToken())

    assert model[1].run(cache, [50], CancellationToken())[-1] == pytest.approx(expected, abs=1e-4)


def check_same(model, prompt, lengths, spoilt=(), num_tokens=24):
    """Decode with drafts of these lengths, spoilt at these places. Returns the passes' widths."""
    expected, logprobs = plain(model, prompt, num_tokens)
    drafts = ScriptedDrafts(expected, lengths, spoilt)
    tokens, cache, runner = decoding(model, prompt, drafts, num_tokens)
    found = list(tokens)
    compared = found[: len(expected)]

    assert len(found) == num_tokens
    assert [token.token_id for token in compared] == expected
    assert [token.logprob for token in compared] == pytest.approx(logprobs, abs=1e-4)
    assert drafts.added == [token.token_id for token in found]
    assert cache.token_ids == [*prompt, *drafts.added[:-1]]
    check_consistent(model, cache)
    return runner.widths[1:]


def test_without_drafts_each_token_is_a_pass(model):
    assert check_same(model, PROMPT, []) == [1] * 23


def test_accepted_drafts_save_passes(model):
    assert check_same(model, PROMPT, [7, 7, 7]) == [8, 8, 7]


def test_a_draft_that_is_wrong_from_the_start_costs_no_token(model):
    assert check_same(model, PROMPT, [5] * 23, spoilt=range(24)) == [6] * 18 + [5, 4, 3, 2, 1]


def test_a_draft_is_accepted_up_to_its_first_wrong_token(model):
    assert check_same(model, PROMPT, [6], spoilt=[3]) == [7, *[1] * 20]


@FEW
@given(
    st.lists(st.integers(5, 260), min_size=1, max_size=40),
    st.lists(st.integers(0, 15), max_size=24),
    st.sets(st.integers(0, 23)),
    st.integers(1, 24),
)
def test_any_drafts_after_any_prompt(model, prompt, lengths, spoilt, num_tokens):
    widths = check_same(model, prompt, lengths, spoilt, num_tokens)

    assert len(widths) < num_tokens


@pytest.mark.parametrize("num_wanted", range(1, 12))
def test_a_consumer_that_stops_early_leaves_a_cache_that_is_in_order(model, num_wanted):
    expected, _ = plain(model, PROMPT, 24)
    drafts = ScriptedDrafts(expected, [3, 5], spoilt=[7])
    tokens, cache, _ = decoding(model, PROMPT, drafts, 24)
    found = [token.token_id for token in islice(tokens, num_wanted)]
    tokens.close()

    assert found == expected[:num_wanted]
    held = list(cache.token_ids)[len(PROMPT) :]
    assert held == expected[: len(held)]
    assert len(held) >= num_wanted - 1
    check_consistent(model, cache)


@pytest.mark.parametrize("num_before", range(1, 8))
def test_cancelled_it_stops_before_the_next_token(model, num_before):
    expected, _ = plain(model, PROMPT, 24)
    cancellation = CancellationToken()
    drafts = ScriptedDrafts(expected, [3, 5])
    tokens, cache, _ = decoding(model, PROMPT, drafts, 24, cancellation=cancellation)
    found = [next(tokens).token_id for _ in range(num_before)]
    cancellation.cancel()
    with pytest.raises(Cancelled):
        next(tokens)

    assert found == expected[:num_before]
    check_consistent(model, cache)


@pytest.mark.parametrize("num_tokens", range(1, 10))
def test_no_row_is_written_beyond_the_tokens_wanted(model, num_tokens):
    expected, _ = plain(model, PROMPT, 24)
    drafts = ScriptedDrafts(expected, [15] * 24)
    tokens, cache, runner = decoding(model, PROMPT, drafts, num_tokens)

    assert [token.token_id for token in tokens] == expected[:num_tokens]
    assert sum(runner.widths) == len(PROMPT) + num_tokens - 1
    assert cache.offset == len(PROMPT) + num_tokens - 1


def test_while_text_is_forced_nothing_is_proposed(model):
    plainly, _, _ = decoding(model, PROMPT, NoDrafts(), 12, forced=b"def f")
    expected = [token.token_id for token in plainly]
    tokens, _, runner = decoding(
        model, PROMPT, ScriptedDrafts(expected, [6] * 12), 12, forced=b"def f"
    )

    assert [token.token_id for token in tokens] == expected
    assert runner.widths[1:] == [1, 1, 1, 1, 7]


def test_a_token_that_is_drawn_is_not_drafted(model):
    options = GenerationOptions(temperature=0.8, seed=1)
    plainly, _, _ = decoding(model, PROMPT, NoDrafts(), 12, options)
    expected = [token.token_id for token in plainly]
    tokens, _, runner = decoding(model, PROMPT, ScriptedDrafts(expected, [6] * 12), 12, options)

    assert [token.token_id for token in tokens] == expected
    assert runner.widths[1:] == [1] * 11
