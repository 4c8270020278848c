import gzip
import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench import infilling, infilling_scores
from bench.errors import BenchError
from bench.infilling import Filler, choose_tasks, choose_way
from bench.infilling_scores import PATIENT, Filling, ScoreFile, fill_and_score, score
from bench.infilling_tasks import Task, read_tasks
from bench.sandbox.run import Limits
from bench.similarity import edit_similarity, is_exact_match
from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder

CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
LINE = Task(
    "SingleLineInfilling/HumanEval/0/L0", "add", "def add(a, b):\n    s = a\n",
    "    return s\n", "    s = s + b\n", CHECK,
)  # fmt: skip
SPAN = Task(
    "RandomSpanInfillingLight/HumanEval/0/1", "add", "def add(a, b):\n    return a",
    " + 0\n", " + b", CHECK,
)  # fmt: skip
OTHER_LINE = replace(LINE, task_id="SingleLineInfilling/HumanEval/0/L1")
RUN = {"model": "a"}


def write_tasks(path, tasks):
    lines = [json.dumps({name: getattr(task, name) for name in Task.__slots__}) for task in tasks]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def backend_that_says(completion):
    return ScriptedBackend((), ScriptedAnswer(completion, chunks=3))


def check_fill(task, model_says, expected, way):
    filler = Filler(backend_that_says(model_says), way, max_new_tokens=128)

    assert filler.fill(task).text == expected


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
    check_fill(task, model_says, expected, "product")


@pytest.mark.parametrize("task", [LINE, SPAN])
def test_the_plain_model_is_taken_at_its_word(task):
    check_fill(task, " + b\n\n # \n", " + b\n\n # \n", "plain")


@pytest.mark.parametrize(
    ("task", "model_says", "expected"),
    [
        (LINE, "    return s\n    more\n", "    return s\n"),
        (LINE, "    return s", "    return s\n"),
        (LINE, "\n    s += b\n", "\n"),
        (SPAN, " + b + 0\nprint()", " + b + 0"),
    ],
)
def test_the_first_line_of_the_raw_model_is_judged_without_rules(task, model_says, expected):
    check_fill(task, model_says, expected, "first_line")


def test_a_filling_tells_what_the_model_wrote_and_which_rule_refused_it():
    filling = Filler(backend_that_says("    return s"), "product", max_new_tokens=128).fill(LINE)

    assert (filling.raw, filling.refused_by) == ("    return s", "repeats_below")


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
    assert score(task, Filling(completion), Limits()).verdict == verdict


def test_an_endless_completion_is_stopped():
    endless = Filling("    while True: pass\n")

    assert score(LINE, endless, Limits(seconds=1)).verdict == "timed_out"


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


class Once(Filler):
    """Fills each hole but one, where the user interrupts."""

    def __init__(self, interrupted_at=None):
        super().__init__(backend_that_says("    s = s + b"), "product", max_new_tokens=128)
        self.interrupted_at = interrupted_at
        self.asked = []

    def fill(self, task):
        if task is self.interrupted_at:
            raise KeyboardInterrupt
        self.asked.append(task)
        return super().fill(task)


def test_a_run_continues_where_an_interruption_ended_it(tmp_path):
    path, tasks = tmp_path / "new" / "scores.jsonl", [LINE, OTHER_LINE, SPAN]
    fill_and_score(tasks[:1], Once(), ScoreFile(path, RUN), 1)
    fill_and_score(tasks[1:], Once(interrupted_at=SPAN), ScoreFile(path, RUN), 1)
    again, scores = Once(), ScoreFile(path, RUN)
    fill_and_score(scores.without_score(tasks), again, scores, 1)

    assert SPAN in again.asked
    assert LINE not in again.asked
    assert [found.task_id for found in ScoreFile(path, RUN).of(tasks)] == [t.task_id for t in tasks]


def test_a_line_that_was_cut_off_is_scored_again(tmp_path):
    path = tmp_path / "scores.jsonl"
    fill_and_score([LINE, OTHER_LINE], Once(), ScoreFile(path, RUN), 1)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-20], encoding="utf-8")
    scores = ScoreFile(path, RUN)
    left = scores.without_score([LINE, OTHER_LINE])

    assert left == [OTHER_LINE]
    fill_and_score(left, Once(), scores, 1)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"run": {"model": "one"}}\n', "model was 'one' and is 'a' now"),
        ('{"run": {"model": "a", "way": "plain"}}\n', "way was 'plain' and is None now"),
        ('{"run": 3}\n', "should hold an earlier run"),
        ("nonsense\n", "should hold an earlier run"),
        ('{"run": {"model": "a"}}\n{"task_id": "x"}\n', "should hold an earlier run"),
        ('{"run": {"model": "a"}}\n[]\n', "should hold an earlier run"),
    ],
)
def test_scores_of_another_run_are_refused_and_left_as_they_are(tmp_path, content, message):
    path = tmp_path / "scores.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=re.escape(message)):
        ScoreFile(path, RUN)

    assert path.read_text(encoding="utf-8") == content


def test_a_program_that_ran_out_of_time_is_run_again_alone(tmp_path, monkeypatch):
    limits = []

    def run(program, given):
        del program
        limits.append(given)
        return "passed" if given == PATIENT or len(limits) == 2 else "timed_out"

    monkeypatch.setattr(infilling_scores, "run_program", run)
    scores = ScoreFile(tmp_path / "scores.jsonl", RUN)
    fill_and_score([LINE, OTHER_LINE], Once(), scores, 1)

    assert limits == [Limits(), Limits(), PATIENT]
    assert [found.verdict for found in scores.of([LINE, OTHER_LINE])] == ["passed"] * 2


def test_drawn_tasks_keep_their_order_and_more_of_them_hold_the_fewer():
    tasks = [replace(LINE, task_id=str(i)) for i in range(50)]
    few, many = (choose_tasks(tasks, n, seed=7) for n in (10, 30))

    assert [int(task.task_id) for task in many] == sorted(int(task.task_id) for task in many)
    assert {task.task_id for task in few} < {task.task_id for task in many}
    assert few != tasks[:10]
    assert few != choose_tasks(tasks, 10, seed=8)
    assert choose_tasks(tasks, 10, seed=None) == tasks[:10]


def test_the_report_is_written(tmp_path, monkeypatch):
    backend = backend_that_says("    s = s + b\nmore")
    mini = ModelFolder.read(embedded_model_path())
    monkeypatch.setattr(infilling, "load_backend", lambda *_: (backend, mini))
    data = write_tasks(tmp_path / "HumanEval-Two.jsonl.gz", [LINE, LINE, SPAN])
    out = tmp_path / "new" / "report.json"
    result = CliRunner().invoke(
        infilling.command, [str(data), "--limit", "2", "--json", str(out)], catch_exceptions=False
    )
    report = json.loads(out.read_text(encoding="utf-8"))

    assert result.exit_code == 0
    assert report.pop("seconds") > 0
    assert report.pop("measured")["command"].startswith("python -m bench")
    assert report == {
        "dataset": "HumanEval-Two",
        "set_size": 3,
        "seed": None,
        "tasks": 2,
        "pass_at_1": 1.0,
        "exact_match": 1.0,
        "edit_similarity": 1.0,
        "model": "mini",
        "source": mini.manifest.source.model,
        "precision": "int8",
        "way": "product",
        "prompt": "anchored",
    }
    assert len(out.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "way"),
    [([], "product"), (["--plain"], "plain"), (["--first-line"], "first_line")],
)
@pytest.mark.parametrize("also_plain", [False, True])
def test_the_first_line_is_of_the_raw_model_with_and_without_plain(options, way, also_plain):
    is_plain, is_first_line = "--plain" in options or also_plain, "--first-line" in options
    expected = "plain" if way == "product" and also_plain else way

    assert choose_way("anchored", is_plain=is_plain, is_first_line=is_first_line) == expected


def test_the_plain_model_takes_no_other_prompt(tmp_path):
    data = write_tasks(tmp_path / "tasks.jsonl.gz", [LINE])
    result = CliRunner().invoke(
        infilling.command, [str(data), "--plain", "--prompt", "spm", "--json", str(tmp_path / "o")]
    )

    assert result.exit_code == 2
    assert "--plain has a prompt of its own" in result.output
