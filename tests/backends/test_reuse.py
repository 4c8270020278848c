"""Whatever was cached, forked, trimmed, evicted or prepared: the text is a fresh engine's.

On a random model in float32, so that a wrong row anywhere changes what is generated.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.request import Request

NEAR_TIE = 1e-3
NUM_TOKENS = 6
CONTEXT_TOKENS = 200  # room for two sequences is all the memory there is
START = "import os\n\n\ndef f(a):\n    return a\n\n\ndef g(b):\n    return f(b)\n" * 3


class RecordingEngine(Engine):
    """The engine, which remembers what it was last asked."""

    last = ((), b"")

    def generate(self, sequence_id, prompt_ids, options, cancellation, forced=b"", **others):
        self.last = tuple(prompt_ids), forced
        return super().generate(sequence_id, prompt_ids, options, cancellation, forced, **others)


class Typist:
    """Two documents with a cursor each, in front of a backend with little memory."""

    def __init__(self, engine, fresh):
        self.engine, self.fresh = engine, fresh
        self.backend = LocalBackend(engine, CONTEXT_TOKENS, time_budget_ms=120_000)
        self.documents = {"file:///a.py": (START, 40), "file:///b.py": ("", 0)}
        self.uri = "file:///a.py"

    def do(self, action, number, text):
        content, cursor = self.documents[self.uri]
        before, after = content[:cursor], content[cursor:]
        edits = {
            "insert": (before + text, after),
            "close bracket": (before, ")" + after),
            "delete": (before[: max(cursor - number, 0)], after),
            "edit below": (before, after + text),
            "edit above": (text + before, after),
        }
        before, after = edits.get(action, (before, after))
        self.documents[self.uri] = before + after, len(before)
        if action == "move":
            self.documents[self.uri] = content, (cursor + number * 7) % (len(content) + 1)
        elif action == "switch":
            self.uri = next(uri for uri in self.documents if uri != self.uri)
        elif action == "close":
            self.backend.forget(self.uri)
        elif action == "prepare":
            self.backend.prepare(self.request(), cancelled_after(number))
        elif action == "cancel":
            self.cancel_after(number)

    def cancel_after(self, number):
        chunks = self.backend.stream(self.request(), cancelled_after(number))
        for _, _ in zip(chunks, range(number), strict=False):
            pass
        chunks.close()

    def request(self):
        content, cursor = self.documents[self.uri]
        snapshot = DocumentSnapshot(self.uri, 1, "python", content, cursor)
        return Request(snapshot, GenerationOptions(max_new_tokens=NUM_TOKENS))

    def check(self):
        found = list(self.backend.stream(self.request(), CancellationToken()))
        prompt_ids, forced = self.engine.last
        options = self.request().options
        expected = list(self.fresh.generate("x", prompt_ids, options, CancellationToken(), forced))
        self.fresh.forget("x")

        assert found[-1].usage.num_new_tokens <= expected[-1].usage.num_new_tokens
        for ours, theirs in zip(found, expected, strict=False):
            assert ours.logprobs == pytest.approx(theirs.logprobs, abs=NEAR_TIE)
            if ours.text != theirs.text:
                return  # two tokens of the same probability: a near tie


def cancelled_after(number):
    """Return a token that is cancelled by its ``number``-th look, as if by another thread."""

    class Token(CancellationToken):
        looks = 0

        def raise_if_cancelled(self):
            self.looks += 1
            if self.looks > number:
                self.cancel()
            super().raise_if_cancelled()

    return Token()


@pytest.fixture(scope="module")
def engines(any_tiny_folder):
    folder = ModelFolder.read(any_tiny_folder)
    options = EngineOptions(num_threads=1, cache_bytes=1, context_tokens=CONTEXT_TOKENS)
    return RecordingEngine(folder, options), Engine(folder, EngineOptions(1, lookup="off"))


ACTIONS = (
    "insert",
    "insert",
    "insert",
    "close bracket",
    "delete",
    "move",
    "edit below",
    "edit above",
    "switch",
    "prepare",
    "cancel",
    "close",
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(ACTIONS),
            st.integers(0, 9),
            st.sampled_from(["x", " ", "re", "return ", "\n    ", "f(", "é", "\n" * 20]),
        ),
        max_size=12,
    )
)
def test_the_text_is_a_fresh_engines(engines, steps):
    typist = Typist(*engines)
    for uri in typist.documents:
        typist.backend.forget(uri)
    typist.check()
    for step in steps:
        typist.do(*step)
        typist.check()
