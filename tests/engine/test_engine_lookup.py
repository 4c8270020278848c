"""The whole engine on the tiny random model: looking ahead changes the passes and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder

TYPED = b"def f(a, b"
NUM_TOKENS = 32


@pytest.fixture(scope="module")
def folder(any_tiny_folder):
    return ModelFolder.read(any_tiny_folder)


@pytest.fixture(scope="module")
def plain(folder):
    return Engine(folder, EngineOptions(1, lookup="off"))


def prompt_of(folder, prefix, suffix, typed=()):
    fim = folder.manifest.fim
    return [fim.bos, fim.fim_begin, *prefix, fim.fim_hole, *suffix, fim.fim_end, *typed]


def chunks_of(engine, prompt, options=None, forced=b"", cancellation=None):
    options = options or GenerationOptions(NUM_TOKENS)
    cancellation = cancellation or CancellationToken()
    return list(engine.generate("a", prompt, options, cancellation, forced))


def check_same(found, expected):
    def visible(chunk):
        usage = replace(chunk.usage, num_cached_tokens=0)
        return chunk.text, chunk.finish_reason, usage

    assert [visible(chunk) for chunk in found] == [visible(chunk) for chunk in expected]
    for chunk, other in zip(found, expected, strict=True):
        assert chunk.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def check_twice(folder, plain, prompt, options=None, forced=b""):
    """The second time the first completion is in the memory. Returns the passes run then."""
    engine = Engine(folder, EngineOptions(1, lookup="on"))
    expected = chunks_of(plain, prompt, options, forced)
    check_same(chunks_of(engine, prompt, options, forced), expected)
    widths = []
    run = engine._runner.run

    def counted(cache, token_ids, cancellation, num_logits=1):
        widths.append(len(token_ids))
        return run(cache, token_ids, cancellation, num_logits)

    engine._runner.run = counted
    check_same(chunks_of(engine, prompt, options, forced), expected)
    return widths[1:]


BYTES = st.lists(st.integers(5, 260), max_size=12)


# Drawn once and for all: a near tie of two logits, decided by rounding, would be a failure.
@settings(max_examples=10, deadline=None, derandomize=True)
@given(BYTES, BYTES, BYTES)
def test_the_same_completion_again(folder, plain, prefix, suffix, typed):
    widths = check_twice(folder, plain, prompt_of(folder, prefix, suffix, typed))

    assert len(widths) < NUM_TOKENS / 2


def test_a_text_that_is_forced_first(folder, plain):
    check_twice(folder, plain, prompt_of(folder, [50, 51], [60]), forced=TYPED)


def test_a_limit_inside_a_draft(folder, plain):
    for num_tokens in (1, 2, 3, 7, 15):
        options = GenerationOptions(num_tokens)
        check_twice(folder, plain, prompt_of(folder, [50, 51], [60]), options)


def test_a_stop_string_inside_a_draft(folder, plain):
    prompt = prompt_of(folder, [50, 51], [60])
    text = "".join(chunk.text for chunk in chunks_of(plain, prompt))

    check_twice(folder, plain, prompt, GenerationOptions(NUM_TOKENS, stop_strings=(text[9:12],)))


def test_the_end_of_the_text_inside_a_draft(folder):
    """The tiny model writes whatever it writes; one of its tokens is taken for the end."""
    prompt = prompt_of(folder, [50, 51], [60])
    plain = Engine(folder, EngineOptions(1, lookup="off"))
    chunks = chunks_of(plain, prompt)
    texts = [chunk.text for chunk in chunks[1:]]
    letters = [i for i in range(8, NUM_TOKENS) if texts[i].isascii() and len(texts[i]) == 1]
    place = next(i for i in letters if texts[i] not in texts[:i])
    (eos,) = plain.tokenizer.encode(texts[place])
    manifest = replace(folder.manifest, fim=replace(folder.manifest.fim, eos=eos))
    ending = ModelFolder(folder.path, manifest)
    plain = Engine(ending, EngineOptions(1, lookup="off"))
    found = chunks_of(plain, prompt)

    assert found[-1].finish_reason == "stop"
    assert found[-1].usage.num_generated_tokens == place + 1
    assert len(check_twice(ending, plain, prompt)) < place


@pytest.mark.parametrize("num_chunks", [1, 2, 5, 9])
def test_closed_early_and_asked_again(folder, plain, num_chunks):
    prompt = prompt_of(folder, [50, 51], [60])
    engine = Engine(folder, EngineOptions(1, lookup="on"))
    for _ in range(3):
        chunks = engine.generate("a", prompt, GenerationOptions(NUM_TOKENS), CancellationToken())
        for _ in range(num_chunks):
            last = next(chunks)
        chunks.close()

        assert last.usage.num_generated_tokens == num_chunks - 1  # the first has counts only
    check_same(chunks_of(engine, prompt), chunks_of(plain, prompt))


def test_cancelled_in_the_middle_and_asked_again(folder, plain):
    prompt = prompt_of(folder, [50, 51], [60])
    engine = Engine(folder, EngineOptions(1, lookup="on"))
    expected = chunks_of(plain, prompt)
    check_same(chunks_of(engine, prompt), expected)
    cancellation = CancellationToken()
    chunks = engine.generate("a", prompt, GenerationOptions(NUM_TOKENS), cancellation)
    before = [next(chunks) for _ in range(6)]
    cancellation.cancel()
    (last,) = chunks

    check_same(before, expected[:6])
    assert last.finish_reason == "cancelled"
    assert last.usage.num_generated_tokens == 5
    check_same(chunks_of(engine, prompt), expected)


def test_another_document_in_between(folder, plain):
    """A generation that is left and taken up again goes on as if it had been alone."""
    one, two = prompt_of(folder, [50, 51], [60]), prompt_of(folder, [70, 71], [80])
    engine = Engine(folder, EngineOptions(1, lookup="on"))
    options = GenerationOptions(NUM_TOKENS)
    first = engine.generate("a", one, options, CancellationToken())
    begun = [next(first) for _ in range(6)]
    second = list(engine.generate("b", two, options, CancellationToken()))

    check_same([*begun, *first], chunks_of(plain, one))
    check_same(second, chunks_of(plain, two))
