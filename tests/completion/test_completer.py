import pytest

from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.generation import complete
from coder_lsp.errors import BackendError, Cancelled
from coder_lsp.generation import GenerationChunk, GenerationOptions, GenerationUsage
from coder_lsp.request import Request
from tests.support.snapshots import snapshot_of


class RecordingBackend(ScriptedBackend):
    """Yields chunks made beforehand; remembers which were taken and whether it was closed."""

    def __init__(self, chunks):
        super().__init__(())
        self.chunks = chunks
        self.num_taken = 0
        self.was_closed = False

    def stream(self, request, cancellation):
        self.stream_in_use = self._stream()  # so that nobody but the completer closes it
        return self.stream_in_use

    def _stream(self):
        try:
            for chunk in self.chunks:
                self.num_taken += 1
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.was_closed = True


def chunks_of(*texts, finish_reason="stop"):
    usages = [GenerationUsage(10, 4, i) for i in range(1, len(texts) + 1)]
    pieces = [
        GenerationChunk(text, (-1.0,), None, usage)
        for text, usage in zip(texts, usages, strict=True)
    ]
    return [*pieces, GenerationChunk("", (), finish_reason, usages[-1])]


def complete_at(text, backend, **fields):
    request = Request(snapshot_of(text), GenerationOptions(), **fields)
    return complete(request, backend, CancellationToken())


def check_completion(text, model_says, expected, **fields):
    backend = ScriptedBackend((ScriptedAnswer(model_says, chunks=1),))

    assert complete_at(text, backend, **fields).text == expected


@pytest.mark.parametrize(
    ("text", "model_says", "shown"),
    [
        ("x = ‸", "foo(1)", "foo(1)"),
        ("print(‸)", "x)\nmore", "x"),
        ("def f():‸\r\n", "\n    a\n", "\r\n    a"),
        ("‸", "", ""),
    ],
)
def test_the_rules_decide_what_is_shown(text, model_says, shown):
    check_completion(text, model_says, shown)


def test_raw_text_is_left_alone():
    check_completion("f(‸, b)\r\n", "a, b)\n\n\n", "a, b)\n\n\n", raw=True)


@pytest.mark.parametrize(("is_instruct", "shown"), [(True, "f(y)"), (False, "f(y)  # why")])
def test_the_model_is_judged_by_what_its_backend_says(monkeypatch, is_instruct, shown):
    monkeypatch.setattr(ScriptedBackend, "is_instruct", is_instruct)

    check_completion("x = ‸", "f(y)  # why", shown)


def test_multiline_is_obeyed():
    check_completion("x = ‸", "1\ny = 2", "1", multiline="never")


def test_a_generation_is_closed_as_soon_as_the_result_is_settled():
    backend = RecordingBackend(chunks_of("a", ", b", "\nmore", "and more", finish_reason="length"))
    completion = complete_at("foo(‸ + 1)", backend)

    assert (completion.text, completion.raw) == ("a, b", "a, b\nmore")
    assert completion.finish_reason == "stop"
    assert completion.usage == GenerationUsage(10, 4, 3)
    assert (backend.num_taken, backend.was_closed) == (3, True)


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_the_backends_finish_reason_is_reported(finish_reason):
    backend = RecordingBackend(chunks_of("a", "b", finish_reason=finish_reason))
    completion = complete_at("x = ‸", backend)

    assert (completion.text, completion.finish_reason) == ("ab", finish_reason)
    assert completion.mean_logprob == -1.0


def test_a_refusal_is_named():
    completion = complete_at("x = ‸", ScriptedBackend((ScriptedAnswer("  \n"),)))

    assert (completion.text, completion.raw, completion.refused_by) == ("", "  \n", "empty")


def test_nothing_generated_has_no_first_token():
    completion = complete_at("x = ‸", ScriptedBackend(()))

    assert completion.time_to_first_token_ms is None
    assert completion.mean_logprob is None


def test_times_are_measured_from_the_start(monkeypatch):
    readings = iter([5.0, 5.25, 6.0])
    monkeypatch.setattr("coder_lsp.completion.generation.time.perf_counter", lambda: next(readings))
    thinking = GenerationChunk("", (), None, GenerationUsage(10, 4, 0))
    completion = complete_at("x = ‸", RecordingBackend([thinking, *chunks_of("a", "b")]))

    assert (completion.time_to_first_token_ms, completion.total_ms) == (250, 1000)


def test_a_cancelled_generation_shows_nothing():
    backend = RecordingBackend(chunks_of("foo", finish_reason="cancelled"))
    completion = complete_at("x = ‸", backend)

    assert (completion.text, completion.raw) == ("", "foo")
    assert (completion.finish_reason, completion.refused_by) == ("cancelled", None)


def test_a_backend_that_raises_cancelled_is_cancelled():
    backend = RecordingBackend([*chunks_of("foo")[:1], Cancelled("")])

    assert complete_at("x = ‸", backend).finish_reason == "cancelled"


def test_other_errors_are_the_callers():
    with pytest.raises(BackendError, match="broken"):
        complete_at("x = ‸", RecordingBackend([BackendError("broken")]))


def test_a_token_cancelled_beforehand_cancels():
    cancellation = CancellationToken()
    cancellation.cancel()
    request = Request(snapshot_of("x = ‸"), GenerationOptions())
    backend = ScriptedBackend((ScriptedAnswer("foo", prefill_ms=60_000),))

    assert complete(request, backend, cancellation).finish_reason == "cancelled"
