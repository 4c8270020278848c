import json

import pytest

from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend
from coder_lsp.cli import complete

KEYS = [
    "completion", "raw", "finish_reason", "num_prompt_tokens", "num_cached_tokens",
    "num_generated_tokens", "time_to_first_token_ms", "total_ms", "mean_logprob", "refused_by",
    "model",
]  # fmt: skip


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "add.py"
    path.write_bytes("def add(a, b):\n    return '👍', a\n".encode())
    return path


def test_the_completion_goes_to_standard_output(coder_lsp, source, script):
    result = coder_lsp("complete", f"{source}:2:18", "--script", script(" + b"))

    assert (result.stdout, result.stderr, result.exit_code) == (" + b\n", "", 0)


def test_json_is_one_object_with_exactly_the_promised_keys(coder_lsp, source, script):
    arguments = ["--json", "--max-new-tokens", 2, "--script", script(" + b + c", chunks=2)]
    result = coder_lsp("complete", f"{source}:2:18", *arguments)
    printed = json.loads(result.stdout)

    assert list(printed) == KEYS
    assert (printed["raw"], printed["finish_reason"]) == (" + b", "length")
    assert (printed["num_generated_tokens"], printed["model"]) == (2, "scripted")
    assert 0 <= printed["time_to_first_token_ms"] <= printed["total_ms"]


def test_raw_keeps_what_the_rules_would_cut(coder_lsp, source, script):
    path = script(" + b\nprint(add(1, 2))\n")
    shown = coder_lsp("complete", f"{source}:2:18", "--script", path)
    raw = coder_lsp("complete", f"{source}:2:18", "--raw", "--script", path)

    assert raw.stdout == " + b\nprint(add(1, 2))\n\n"
    assert shown.stdout != raw.stdout


def test_a_refusal_names_the_rule_and_prints_nothing(coder_lsp, source, script):
    arguments = [f"{source}:2:18", "--script", script("  \n\n")]
    text = coder_lsp("complete", *arguments)
    refused_by = json.loads(coder_lsp("complete", "--json", *arguments).stdout)["refused_by"]

    assert refused_by is not None
    assert (text.stdout, text.exit_code) == ("", 0)
    assert f"the rule '{refused_by}' refused it" in text.stderr


def check_failure(result, status, message):
    assert (result.exit_code, result.stdout) == (status, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_wrong_is_told_on_standard_error(coder_lsp, tmp_path, source, script):
    empty = tmp_path / "empty.py"
    empty.touch()
    scripted = ["--script", script("x")]

    def fail(place, status, message, *arguments):
        check_failure(coder_lsp("complete", place, *scripted, *arguments), status, message)

    fail(f"{tmp_path / 'gone.py'}:1:1", 1, "There is no file")
    fail(f"{tmp_path}:1:1", 1, "it is a directory")
    fail(f"{source}:2:99", 1, "not at 99")
    fail(f"{empty}:2:1", 1, "there is no line 2")
    fail(source, 2, "expected FILE:LINE:COLUMN")
    fail(f"{source}:1:1", 2, "--max-new-tokens", "--max-new-tokens", 0)
    fail(f"{source}:1:1", 1, "no installed model 'gone'", "--backend", "local", "--model", "gone")


def test_an_empty_file_is_completed(coder_lsp, tmp_path, script):
    empty = tmp_path / "empty.py"
    empty.touch()
    result = coder_lsp("complete", f"{empty}:1:1", "--script", script("import os"))

    assert (result.stdout, result.exit_code) == ("import os\n", 0)


def test_the_embedded_model_completes(coder_lsp, source):
    result = coder_lsp("complete", f"{source}:2:12", "--json", "--max-new-tokens", 4)
    printed = json.loads(result.stdout)

    assert list(printed) == KEYS
    assert 0 < printed["num_generated_tokens"] <= 4
    assert printed["num_prompt_tokens"] > 10
    assert printed["mean_logprob"] <= 0


def test_what_the_backend_has_to_say_goes_to_standard_error(coder_lsp, source, monkeypatch):
    class Slow(ScriptedBackend):
        is_instruct = False
        notices = ("Completions run on the CPU.",)

    monkeypatch.setattr(
        complete, "create_backend", lambda settings: Slow((), ScriptedAnswer(" + b"))
    )
    result = coder_lsp("complete", f"{source}:2:18")

    assert (result.stdout, result.stderr) == (" + b\n", "Completions run on the CPU.\n")
