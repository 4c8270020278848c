"""``bench keystrokes`` and ``bench server``: the shape of what they write, without a model."""

import json

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.llama_vim import LineWindow, infill_request
from bench.peers import peer_settings
from bench.records import KeystrokeRecord, distribution, our_figures
from bench.server_figures import answer_figures, background_counters, late_answer_figures
from tests.support.cursor import parse_cursor

THREE = {"median", "p95", "mean"}
SCRIPT = {"answers": [], "default": {"completion": "value\n"}}


def run_command(tmp_path, *arguments):
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT), encoding="utf-8")
    out = tmp_path / "out.json"
    result = CliRunner().invoke(main, [*arguments, "--script", str(script), "--json", str(out)])
    assert result.exit_code == 0, result.output
    return json.loads(out.read_text(encoding="utf-8"))


def test_keystrokes_writes_what_the_contract_names(tmp_path):
    records = tmp_path / "records.jsonl"
    options = ["--limit", "36", "--speed", "100", "--records", str(records)]

    report = run_command(tmp_path, "keystrokes", *options)

    assert set(report) == {
        "model",
        "precision",
        "window",
        "keystrokes",
        "typing",
        "new_tokens",
        "background_tokens",
        "background_generated_tokens",
        "ttft_ms",
        "source_share",
        "naive_psm",
        "peers",
        "measured",
    }
    assert (report["model"], report["precision"], report["keystrokes"]) == ("mini", "int8", 36)
    assert report["typing"]["keystrokes"] == 24
    assert set(report["typing"]["new_tokens"]) == THREE
    assert set(report["new_tokens"]) == THREE
    assert set(report["ttft_ms"]) == {"median", "p95"}
    assert set(report["background_tokens"]) == {"mean"}
    assert set(report["background_generated_tokens"]) == {"mean"}
    assert set(report["source_share"]) == {"running", "completion cache", "cache", "model"}
    assert sum(report["source_share"].values()) == pytest.approx(1, abs=0.001)
    assert report["naive_psm"]["new_tokens"]["median"] > 1
    assert report["peers"] == []
    lines = records.read_text(encoding="utf-8").splitlines()
    assert sum(json.loads(line)["is_counted"] for line in lines) == 36


def test_server_writes_what_the_contract_names(tmp_path):
    report = run_command(tmp_path, "server", "--requests", "5", "--starts", "1")

    assert set(report) == {
        "requests",
        "overhead_ms",
        "echo_ms",
        "initialize_ms",
        "bare_pygls_initialize_ms",
        "first_completion_ms",
        "rss_bytes",
        "load",
        "measured",
    }
    assert report["requests"] == 5
    assert set(report["overhead_ms"]) == set(report["echo_ms"]) == {"median", "p95"}


def test_a_folder_without_traces_is_refused_without_a_traceback(tmp_path):
    arguments = ["keystrokes", "--traces", str(tmp_path), "--json", str(tmp_path / "out.json")]

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 1
    assert "There is no trace" in result.output


def record(num_new, **changes):
    fields = {
        "trace": "t",
        "kind": "insert",
        "is_counted": True,
        "is_typing": True,
        "num_prompt_tokens": 100,
        "num_cached_tokens": 100 - num_new,
        "num_new_tokens": num_new,
        "num_generated_tokens": 1,
        "time_to_first_token_ms": 5.0,
        "shown_ms": 9.0,
    }
    return KeystrokeRecord(**{**fields, **changes})


def test_openings_are_not_counted_and_typing_is_counted_apart():
    report = our_figures(
        [
            record(1000, kind="open", is_counted=False, num_background_tokens=500),
            record(1),
            record(3, source="completion cache", num_background_tokens=8),
            record(20, is_typing=False, source="completion cache"),
        ]
    )

    assert report["keystrokes"] == 3
    assert report["typing"]["keystrokes"] == 2
    assert report["typing"]["new_tokens"]["mean"] == 2
    assert report["new_tokens"] == {"median": 3, "p95": 18.3, "mean": 8}
    assert report["background_tokens"] == {"mean": pytest.approx(8 / 3, abs=0.001)}
    assert report["source_share"]["completion cache"] == pytest.approx(2 / 3, abs=0.001)


def test_no_values_have_no_figures():
    assert distribution([]) == {"median": None, "p95": None, "mean": None}


LAST = {"source": "cache", "numNewTokens": 2, "timeToFirstTokenMs": 4.0, "totalMs": 30.0}


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (LAST, 40 - 26),
        ({**LAST, "source": "running"}, 40),
        ({"source": "completion cache", "numNewTokens": 0, "timeToFirstTokenMs": 0.0}, 40),
        ({**LAST, "timeToFirstTokenMs": None}, 40),
        (None, 40),
    ],
    ids=["generated for it", "begun earlier", "known already", "no token", "nothing yet"],
)
def test_time_to_first_token_leaves_out_only_what_was_generated_after_it(last, expected):
    assert answer_figures({"lastCompletion": last}).time_to_first_token_ms(40) == expected


def test_a_generation_waited_for_beyond_the_budget_counts_as_the_keystroke_s():
    first = {"source": "model", "finishReason": "length", "numGeneratedTokens": 0}
    later = {
        "source": "running",
        "finishReason": "stop",
        "numPromptTokens": 90,
        "numCachedTokens": 20,
        "numNewTokens": 0,
        "numGeneratedTokens": 3,
    }

    assert not answer_figures({"lastCompletion": first}).is_token_known
    figures = late_answer_figures({"lastCompletion": later})
    assert (figures.is_token_known, figures.num_new_tokens, figures.source) == (True, 70, "cache")


def test_what_the_server_does_not_tell_is_nothing():
    figures = answer_figures({})
    counters = background_counters({})

    assert (figures.source, figures.num_new_tokens) == ("model", 0)
    assert (counters.num_tokens, counters.num_generated_tokens) == (0, 0)


def check_infill(marked, *, before, prompt, after, indent, window=None):
    text, cursor = parse_cursor(marked)
    request = infill_request(text, cursor, window or LineWindow(), 8)

    assert request["input_prefix"] == before
    assert request["prompt"] == prompt
    assert request["input_suffix"] == after
    assert request["n_indent"] == indent


def test_llama_vim_sends_the_line_up_to_the_cursor_apart():
    check_infill("a\n  b‸c\nd\n", before="a\n", prompt="  b", after="c\nd\n", indent=2)


def test_llama_vim_sends_nothing_of_a_blank_line():
    check_infill("a\n   ‸\nd\n", before="a\n", prompt="", after="\nd\n", indent=0)


def test_llama_vim_sends_so_many_lines():
    check_infill(
        "1\n2\n3\n4‸\n5\n6\n7\n",
        before="2\n3\n",
        prompt="4",
        after="\n5\n",
        indent=0,
        window=LineWindow(2, 1),
    )


def test_the_peer_runs_as_llama_vim_advises_and_with_our_window():
    advised, ours, suffix_first = peer_settings(2048)

    assert advised.flags == ("-c", "0", "-b", "1024", "-ub", "1024", "--cache-reuse", "256")
    assert ours.flags[:6] == ("-c", "8192", "-b", "2048", "-ub", "2048")
    assert advised.lines == ours.lines == LineWindow(256, 64)
    assert "--spm-infill" not in (*advised.flags, *ours.flags)
    assert "--spm-infill" in suffix_first.flags
    assert suffix_first.lines.num_before + suffix_first.lines.num_after == 161
