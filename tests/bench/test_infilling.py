import gzip
import json

import pytest
from click.testing import CliRunner

from bench import infilling
from bench.errors import BenchError
from bench.infilling import Filler, fill_and_score, score
from bench.infilling_tasks import Task, read_tasks
from bench.sandbox.run import Limits
from bench.similarity import edit_similarity, is_exact_match
from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend

CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
LINE = Task(
    "SingleLineInfilling/HumanEval/0/L0", "add", "def add(a, b):\n    s = a\n",
    "    return s\n", "    s = s + b\n", CHECK,
)  # fmt: skip
SPAN = Task(
    "RandomSpanInfillingLight/HumanEval/0/1", "add", "def add(a, b):\n    return a",
    " + 0\n", " + b", CHECK,
)  # fmt: skip


def write_tasks(path, tasks):
    lines = [json.dumps({name: getattr(task, name) for name in Task.__slots__}) for task in tasks]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def backend_that_says(completion):
    return ScriptedBackend((), ScriptedAnswer(completion, chunks=3))


def check_fill(task, model_says, expected, *, is_plain):
    filler = Filler(backend_that_says(model_says), is_plain=is_plain, max_new_tokens=128)

    assert filler.fill(task) == expected


@pytest.mark.parametrize(
    ("task", "model_says", "expected"),
    [
        (LINE, "    s += b\n    return s\n", "    s += b\n"),
        (LINE, "    s += b", "    s += b\n"),
        (LINE, "    s += b\n    s += 0\n", "    s += b\n"),
        (LINE, "    return s", "\n"),
        (SPAN, " + b + 0\nprint()", " + b"),
    ],
)
def test_the_product_fills_holes_by_its_rules(task, model_says, expected):
    check_fill(task, model_says, expected, is_plain=False)


@pytest.mark.parametrize("task", [LINE, SPAN])
def test_the_plain_model_is_taken_at_its_word(task):
    check_fill(task, " + b\n\n # \n", " + b\n\n # \n", is_plain=True)


@pytest.mark.parametrize(
    ("task", "completion", "verdict"),
    [
        (LINE, LINE.canonical_solution, "passed"),
        (SPAN, SPAN.canonical_solution, "passed"),
        (LINE, "    s = s - b\n", "failed"),
        (SPAN, " - b", "failed"),
        (LINE, "    import sys; sys.exit()\n", "failed"),
        (LINE, "    import os; os._exit(0)\n", "failed"),
    ],
)
def test_a_completion_is_scored_by_the_tasks_tests(task, completion, verdict):
    assert score(task, completion, Limits()).verdict == verdict


def test_an_endless_completion_is_stopped():
    assert score(LINE, "    while True: pass\n", Limits(seconds=1)).verdict == "timed_out"


@pytest.mark.parametrize(
    ("completion", "expected", "is_exact", "similarity"),
    [
        ("abc", "abc", True, 1.0),
        ("\n  abc ", "abc\n", True, 1.0),
        ("", "  ", True, 1.0),
        ("", "abc", False, 0.0),
        ("kitten", "sitting", False, 1 - 3 / 7),
        ("a b", "ab", False, 1 - 1 / 3),
        ("über", "uber", False, 0.75),
    ],
)
def test_similarity(completion, expected, is_exact, similarity):
    assert is_exact_match(completion, expected) == is_exact
    assert edit_similarity(completion, expected) == pytest.approx(similarity)


def test_tasks_are_read_in_order_up_to_a_limit(tmp_path):
    path = write_tasks(tmp_path / "tasks.jsonl.gz", [LINE, SPAN])

    assert read_tasks(path) == [LINE, SPAN]
    assert read_tasks(path, 1) == [LINE]


@pytest.mark.parametrize(
    "content", [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1]"), gzip.compress(b"{")]
)
def test_a_file_without_tasks_is_refused(tmp_path, content):
    path = tmp_path / "tasks.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"tasks\.jsonl\.gz (should be|holds no)"):
        read_tasks(path)


def test_an_interruption_keeps_the_scores_so_far():
    class Interrupted(Filler):
        def fill(self, task):
            if task is SPAN:
                raise KeyboardInterrupt
            return super().fill(task)

    filler = Interrupted(backend_that_says("    s = s + b"), is_plain=False, max_new_tokens=128)
    scores = fill_and_score([LINE, SPAN, LINE], filler, 1)

    assert [s.verdict for s in scores] in ([], ["passed"])


def test_the_report_is_written(tmp_path, monkeypatch):
    backend = backend_that_says("    s = s + b\nmore")
    monkeypatch.setattr(
        infilling, "load_backend", lambda model, order, *, is_plain: (backend, "int8")
    )
    data = write_tasks(tmp_path / "HumanEval-Two.jsonl.gz", [LINE, LINE, SPAN])
    out = tmp_path / "new" / "report.json"
    result = CliRunner().invoke(
        infilling.command, [str(data), "--limit", "2", "--json", str(out)], catch_exceptions=False
    )
    report = json.loads(out.read_text(encoding="utf-8"))

    assert result.exit_code == 0
    assert report.pop("seconds") > 0
    assert report == {
        "dataset": "HumanEval-Two",
        "tasks": 2,
        "pass_at_1": 1.0,
        "exact_match": 1.0,
        "edit_similarity": 1.0,
        "model": "scripted",
        "precision": "int8",
        "plain": False,
        "prompt": "anchored",
    }


def test_the_plain_model_takes_no_other_prompt(tmp_path):
    data = write_tasks(tmp_path / "tasks.jsonl.gz", [LINE])
    result = CliRunner().invoke(
        infilling.command, [str(data), "--plain", "--prompt", "spm", "--json", str(tmp_path / "o")]
    )

    assert result.exit_code == 2
    assert "--plain has a prompt of its own" in result.output
