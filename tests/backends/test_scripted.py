import json
import threading
from dataclasses import replace

import pytest

from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.errors import BackendError, SettingsError
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from tests.support.snapshots import snapshot_of


def read_script(tmp_path, script):
    path = tmp_path / "script.json"
    path.write_text(script if isinstance(script, str) else json.dumps(script), encoding="utf-8")
    return ScriptedBackend.from_file(path)


def stream(backend, text, language_id="python", max_new_tokens=64):
    request = Request(snapshot_of(text, language_id=language_id), GenerationOptions(max_new_tokens))
    return list(backend.stream(request, CancellationToken()))


def check_answer(backend, text, expected, **fields):
    assert "".join(chunk.text for chunk in stream(backend, text, **fields)) == expected


SCRIPT = {
    "answers": [
        {"prefix_ends_with": "f(", "language": "go", "completion": "in Go"},
        {"prefix_ends_with": "f(", "completion": "überall 👍", "chunks": 3, "delay_ms": 1},
        {"prefix_ends_with": "f", "completion": "never reached after f("},
    ],
    "default": {"completion": "otherwise", "prefill_ms": 0.5},
}


@pytest.mark.parametrize(
    ("text", "language_id", "expected"),
    [
        ("f(‸)", "go", "in Go"),
        ("f(‸", "python", "überall 👍"),
        ("f‸(", "python", "never reached after f("),
        ("‸f(", "python", "otherwise"),
    ],
)
def test_the_first_answer_that_fits_is_given(tmp_path, text, language_id, expected):
    check_answer(read_script(tmp_path, SCRIPT), text, expected, language_id=language_id)


def test_alternatives_are_told_as_branches_and_given_when_asked_for(tmp_path):
    answer = {"prefix_ends_with": "x", "completion": "a", "alternatives": ["b", "c"]}
    backend = read_script(tmp_path, {"answers": [answer]})
    request = Request(snapshot_of("x‸"), GenerationOptions(num_branches=2))
    branches = [b for c in backend.stream(request, CancellationToken()) for b in c.branches]
    found = [
        "".join(c.text for c in backend.stream(replace(request, branch=b), CancellationToken()))
        for b in sorted(branches, key=lambda branch: -branch.logprob)
    ]

    assert found == ["b", "c"]


def test_without_a_default_nothing_is_said(tmp_path):
    check_answer(read_script(tmp_path, {"answers": []}), "‸", "")


def test_answers_come_in_chunks_and_the_last_has_the_finish_reason(tmp_path):
    chunks = stream(read_script(tmp_path, SCRIPT), "f(‸")

    assert [chunk.text for chunk in chunks] == ["übe", "ral", "l 👍", ""]
    assert [chunk.finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert [chunk.usage.num_generated_tokens for chunk in chunks] == [1, 2, 3, 3]


def test_a_chunk_counts_as_a_token(tmp_path):
    chunks = stream(read_script(tmp_path, SCRIPT), "f(‸", max_new_tokens=2)

    assert [chunk.text for chunk in chunks] == ["übe", "ral", ""]
    assert chunks[-1].finish_reason == "length"


@pytest.mark.parametrize("slow", ["prefill_ms", "delay_ms"])
def test_cancelling_ends_the_waiting_at_once(slow):
    backend = ScriptedBackend((ScriptedAnswer("abc", chunks=1, **{slow: 60_000}),))
    cancellation = CancellationToken()
    threading.Timer(0.01, cancellation.cancel).start()
    request = Request(snapshot_of("‸"), GenerationOptions())
    chunks = list(backend.stream(request, cancellation))

    assert [(chunk.text, chunk.finish_reason) for chunk in chunks] == [("", "cancelled")]


def test_calls_are_counted():
    backend = ScriptedBackend(())
    stream(backend, "‸")
    backend.prepare(Request(snapshot_of("‸"), GenerationOptions()), CancellationToken())
    backend.forget("file:///a.py")
    backend.forget("file:///b.py")

    assert backend.model == "scripted"
    assert backend.stats() == {"requests": 1, "prepared": 1, "forgotten": 2}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ({"answer": []}, "unknown field 'answer'"),
        ({"answers": {}}, "answers: expected a list"),
        ({"answers": [1]}, r"answers\[0\]: expected an object, found 1"),
        ({"answers": [{"completion": ""}]}, r"answers\[0\]: the field 'prefix_ends_with' is"),
        ({"default": {}}, "default: the field 'completion' is missing"),
        ({"default": {"completion": "", "delay": 1}}, "default: unknown field 'delay'"),
        ({"default": {"completion": "", "delay_ms": -1}}, "delay_ms: expected a number from 0"),
        ({"default": {"completion": "", "delay_ms": 1e300}}, "delay_ms: expected a number from 0"),
        ({"default": {"completion": "", "prefill_ms": True}}, "prefill_ms: expected a number"),
        ({"default": {"completion": "", "chunks": 0}}, "chunks: expected a number from 1"),
        ({"default": {"completion": "", "alternatives": "b"}}, "alternatives: expected a list"),
        ({"default": {"completion": "", "language": 1}}, "language: expected a text"),
    ],
)
def test_a_wrong_script_is_refused(tmp_path, script, message):
    with pytest.raises(BackendError, match=message):
        read_script(tmp_path, script)


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(BackendError, match=r"absent\.json cannot be read"):
        ScriptedBackend.from_file(tmp_path / "absent.json")


def test_without_a_path_the_setting_is_named():
    with pytest.raises(SettingsError, match=r"coder-lsp\.script"):
        ScriptedBackend.from_file("")
