import copy
import functools
import gzip
import json
import math
import re

import numpy as np
import pytest
from click.testing import CliRunner

from bench.errors import BenchError
from bench.infilling_tasks import Task
from bench.order import command, scoring
from bench.order.cases import DISTANCES, HEALING, Case, Kind, anywhere, cut_cases
from bench.order.comparison import Outcome, compare
from bench.order.outcome_file import OutcomeFile
from bench.order.prompts import DISTANCE_ORDERS, HEALING_ORDERS, PromptMaker
from bench.order.report import rows
from bench.order.scoring import Answer, Scorer
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.engine.decoding.sampler import SampledToken, Sampler
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.build import Prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget
from tests.support.cursor import parse_cursor
from tests.support.tokens import text_of

KINDS = [*DISTANCES, *HEALING]
SOURCE = [
    "import math\n", "\n", "def area(radius, unit):\n", "    if radius < 0:\n",
    "        raise ValueError(unit)\n", "    square = radius * radius\n",
    "    return math.pi * square\n", "\n", "print(area(2, 'm'))\n",
]  # fmt: skip


def task(number, hole):
    return Task(
        f"SingleLineInfilling/HumanEval/{number}/L{hole}", "area", "".join(SOURCE[:hole]),
        "".join(SOURCE[hole + 1 :]), SOURCE[hole], "def check(candidate):\n    pass\n",
    )  # fmt: skip


TASKS = [task(0, 3), task(0, 4), task(1, 5), task(1, 6), task(2, 8)]


@pytest.fixture(scope="module")
def scorer(tiny_folder):
    return Scorer(ModelFolder.read(tiny_folder), 1)


@pytest.fixture
def maker(scorer):
    return PromptMaker(
        LineEncoder(scorer.tokenizer), scorer.manifest.fim, TokenBudget.share(1024, 64)
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_cutting_is_repeatable_and_leaves_all_in_place(kind):
    cases = cut_cases(TASKS, kind, 100, seed=1)

    assert cases == cut_cases(TASKS, kind, 100, seed=1)
    assert len({(case.text, case.cursor) for case in cases}) == len(cases)
    assert (len(cases) > 2) == (kind.lines_above < 16)
    for case in cases:
        before, now = case.document(case.anchor), case.document(case.cursor)
        typed = case.text[case.anchor : case.cursor]
        assert case.text == "".join(SOURCE)
        assert now.prefix + case.remainder + now.suffix == case.text
        assert before.prefix + typed == now.prefix
        assert before.suffix == now.suffix
        assert now.suffix.startswith("\n")
        assert before.line_prefix == ""
        assert typed.count("\n") == kind.lines_above
        assert case.remainder.strip() or case.remainder == ""


def test_every_task_is_cut_once_before_one_is_cut_twice():
    kind = Kind("any", 0, anywhere)
    cases = cut_cases(TASKS, kind, len(TASKS) + 2, seed=3)

    assert len({(case.problem, case.end) for case in cases[: len(TASKS)]}) == len(TASKS)
    assert len(cases) == len(TASKS) + 2
    assert [case.cursor for case in cases] != [
        case.cursor for case in cut_cases(TASKS, kind, len(TASKS) + 2, seed=4)
    ]


@pytest.mark.parametrize(
    ("kind", "line", "offsets"),
    [
        (HEALING[0], "    if ab < c_1 + 12e:\n", [8, 13, 14]),
        (HEALING[0], "    return 1\n", []),
        (HEALING[1], "    return 1\n", [4]),
        (HEALING[1], "\treturn 1\n", [1]),
        (HEALING[1], "return 1\n", []),
        (HEALING[1], "    \n", []),
        (DISTANCES[0], " a \n", [0, 1]),
        (DISTANCES[0], "\n", []),
    ],
)
def test_offsets_of_each_kind(kind, line, offsets):
    assert list(kind.offsets(line)) == offsets


@pytest.mark.parametrize(
    ("marked", "place"),
    [
        ("x\n‸    return a_b + 1\n", "in indentation"),
        ("x\n    ‸return a_b + 1\n", "in indentation"),
        ("x\n    re‸turn a_b + 1\n", "inside a word"),
        ("x\n    return ‸a_b + 1\n", "before a word"),
        ("x\n    return a‸_b + 1\n", "inside a word"),
        ("x\n    return a_b‸ + 1\n", "elsewhere"),
        ("x\n    return a_b ‸+ 1\n", "elsewhere"),
    ],
)
def test_the_place_of_the_cursor_in_its_line(marked, place):
    text, cursor = parse_cursor(marked)

    assert Case("any", "a", text, 0, cursor, len(text) - 1).cursor_place == place


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_order_says_the_same_text(maker, scorer, kind):
    for case in cut_cases(TASKS, kind, 100, seed=1):
        for order in {*DISTANCE_ORDERS, *HEALING_ORDERS}:
            prompt = maker.make(case, order)
            parts = parts_of(prompt.token_ids, scorer)
            written = parts["prefix"] + parts["typed"] + prompt.healed
            assert written == case.text[: case.cursor]
            assert parts["suffix"] == case.text[case.end :]
            assert (parts["typed"] == "") or "anchored" in order or order == "product"
            assert parts["is_suffix_first"] == order.startswith("spm")


def parts_of(token_ids, scorer):
    fim, decode = scorer.manifest.fim, functools.partial(text_of, scorer.tokenizer)
    ids = list(token_ids)
    hole, begin, end = (ids.index(i) for i in (fim.fim_hole, fim.fim_begin, fim.fim_end))
    is_suffix_first = hole < begin
    return {
        "prefix": decode(ids[begin + 1 : end if is_suffix_first else hole]),
        "suffix": decode(ids[hole + 1 : begin if is_suffix_first else end]),
        "typed": decode(ids[end + 1 :]),
        "is_suffix_first": is_suffix_first,
    }


def test_a_new_anchor_is_placed_once_too_much_was_typed(scorer):
    encoder = LineEncoder(scorer.tokenizer)
    narrow = PromptMaker(encoder, scorer.manifest.fim, TokenBudget(0, 800, 100, 40))
    (case,) = cut_cases([TASKS[3]], Kind("any", 4, anywhere), 1, seed=1)

    typed = parts_of(narrow.make(case, "product").token_ids, scorer)["typed"]
    assert "\n" not in typed
    assert typed != parts_of(narrow.make(case, "anchored").token_ids, scorer)["typed"]


@pytest.mark.parametrize("forced", [b"", b"r", b" ret", b"<", "é".encode()])
def test_what_may_come_next_has_probability_one(scorer, forced):
    logits = np.random.default_rng(1).normal(0, 3, 320).astype(np.float32)
    constraint = ForcedText(scorer._vocabulary, scorer.tokenizer, forced)
    logprobs = scorer.log_probabilities(logits, constraint)
    allowed = constraint.allowed_ids()
    possible = np.flatnonzero(np.isfinite(logprobs))
    fim = scorer.manifest.fim

    assert np.exp(logprobs).sum() == pytest.approx(1)
    assert not {fim.bos, fim.fim_begin, fim.fim_hole, fim.fim_end} & set(possible)
    assert (fim.eos in possible) == (not forced)
    assert allowed is None or sorted(allowed) == list(possible)


def prompt_of(scorer, text, healed=""):
    fim = scorer.manifest.fim
    ids = (fim.bos, fim.fim_begin, fim.fim_hole, fim.fim_end, *scorer.tokenizer.encode(text))
    return Prompt(ids, healed)


def test_all_ways_to_go_on_from_a_healed_text_have_probability_one(scorer):
    """Over the whole tree of tokens until the healed bytes are there."""
    healed, prompt = b"r\xc3", prompt_of(scorer, "x = ")
    total = 0.0
    paths = [((), 0.0)]
    while paths:
        path, logprob = paths.pop()
        cache = scorer._runner.create_cache(64)
        logits = scorer._runner.run(cache, [*prompt.token_ids, *path], CancellationToken())[-1]
        constraint = ForcedText(scorer._vocabulary, scorer.tokenizer, healed)
        for token_id in path:
            constraint.advance(token_id)
        logprobs = scorer.log_probabilities(logits, constraint)
        for token_id in np.flatnonzero(np.isfinite(logprobs)):
            longer = (*path, int(token_id))
            if len(b"".join(map(scorer.tokenizer.token_bytes, longer))) >= len(healed):
                total += math.exp(logprob + logprobs[token_id])
            else:
                paths.append((longer, logprob + logprobs[token_id]))

    assert total == pytest.approx(1)


def test_without_healed_text_the_score_is_that_of_the_line_and_its_end(scorer):
    remainder = "return radius"
    ids = scorer.tokenizer.encode(remainder)
    expected = 0.0
    prompt = prompt_of(scorer, "x\n")
    for i, token_id in enumerate(ids):
        expected -= log_softmax_of_text(scorer, [*prompt.token_ids, *ids[:i]])[token_id]
    (newline,) = scorer.tokenizer.encode("\n")
    ends = log_softmax_of_text(scorer, [*prompt.token_ids, *ids])[
        [newline, scorer.manifest.fim.eos]
    ]
    expected -= np.log(np.exp(ends).sum())

    assert scorer.score("a", prompt, remainder).nats == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("remainder", "ways"),
    [
        ("):", [["):\n"], [")", ":\n"], [")", ":", "\n"], [")", ":", "■"]]),
        ("x", [["x", "\n"], ["x", "■"]]),
        ("):  ", [["):\n"], [")", ":\n"], [")", ":", "\n"], [")", ":", "■"]]),
    ],
)
def test_a_token_that_joins_the_line_end_counts_as_the_lines_end(scorer, remainder, ways):
    """By a vocabulary that has such tokens at ids which the tiny one uses for bytes."""
    joining = Joining(scorer)
    prompt = prompt_of(scorer, "x\n")
    total = 0.0
    for way in ways:
        ids, logprob = list(prompt.token_ids), 0.0
        for text in way:
            token_id = joining.id_of(text)
            logprob += log_softmax_of_text(scorer, ids)[token_id]
            ids.append(token_id)
        total += math.exp(logprob)

    assert joining.scorer.score("a", prompt, remainder).nats == pytest.approx(
        -math.log(total), 1e-4
    )


class Joining:
    """A scorer whose tokens for two rare bytes read as punctuation with a newline."""

    def __init__(self, scorer):
        self.scorer = copy.copy(scorer)
        self.texts = {scorer.tokenizer.encode(rare)[0]: text for rare, text in JOINED.items()}
        self.scorer.tokenizer = self
        self.tokenizer = scorer.tokenizer
        never = {*scorer.manifest.fim.prompt_ids, scorer.manifest.fim.eos}
        generable = range(scorer.manifest.num_generable_ids)
        self.scorer._vocabulary = Vocabulary(self, (i for i in generable if i not in never))

    def encode(self, text):
        return self.tokenizer.encode(text)

    def token_bytes(self, token_id):
        return self.texts.get(token_id, "").encode() or self.tokenizer.token_bytes(token_id)

    def id_of(self, text):
        if text == "■":
            return self.scorer.manifest.fim.eos
        known = {joined: token_id for token_id, joined in self.texts.items()}
        return known.get(text) or self.tokenizer.encode(text)[0]


JOINED = {"\x01": "):\n", "\x02": ":\n"}


def log_softmax_of_text(scorer, token_ids):
    cache = scorer._runner.create_cache(len(token_ids))
    logits = scorer._runner.run(cache, token_ids, CancellationToken())[-1].astype(np.float64)
    fim = scorer.manifest.fim
    logits = logits[: scorer.manifest.num_generable_ids]
    logits[[fim.bos, fim.fim_begin, fim.fim_hole, fim.fim_end]] = -np.inf
    return logits - np.log(np.exp(logits).sum())


def test_healed_bytes_cost_only_what_the_constraint_leaves_open(scorer):
    prompt = prompt_of(scorer, "x\n", healed="re")
    (first, *_) = scorer.tokenizer.encode("return")
    logprobs = log_softmax_of_text(scorer, prompt.token_ids)
    allowed = scorer._vocabulary.compatible(b"re")
    cost = -(logprobs[first] - np.log(np.exp(logprobs[allowed]).sum()))
    whole = scorer.score("a", prompt, "turn").nats
    free = scorer.score("b", prompt_of(scorer, "x\n"), "return").nats

    assert cost < -logprobs[first]
    assert whole < free


def check_is_exact(scorer, monkeypatch, written, remainder, *, healed="", expected):
    """``written`` is what greedy decoding gives, healed text included; ``■`` is the end."""
    taken = []

    def decode(*_):
        eos = scorer.manifest.fim.eos
        for part in re.split("(■)", written):
            for token_id in [eos] if part == "■" else scorer.tokenizer.encode(part):
                taken.append(token_id)
                yield SampledToken(token_id, 0.0)

    monkeypatch.setattr(scoring, "decode", decode)
    answer = scorer.score("a", prompt_of(scorer, "x\n", healed), remainder)

    assert answer.is_exact == expected
    return text_of(scorer.tokenizer, taken)


@pytest.mark.parametrize(
    ("written", "remainder", "healed", "expected"),
    [
        ("return x■", "return x", "", True),
        ("return x  ■", "return x", "", True),
        ("return x\nreturn y■", "return x", "", True),
        ("return x", "return x  ", "", True),
        ("return x■", "turn x", "re", True),
        ("return x■", "return x", "re", False),
        ("return x.y■", "return x", "", False),
        ("return■", "return x", "", False),
        (" return x■", "return x", "", False),
        ("\nreturn x■", "return x", "", False),
        ("■return x", "return x", "", False),
        ("naïve■", "naïve", "", True),
        ("naive■", "naïve", "", False),
    ],
)
def test_the_first_line_written_has_to_be_the_remainder(
    scorer, monkeypatch, written, remainder, healed, expected
):
    check_is_exact(scorer, monkeypatch, written, remainder, healed=healed, expected=expected)


def test_writing_is_given_up_once_the_line_is_another(scorer, monkeypatch):
    taken = check_is_exact(scorer, monkeypatch, "rx" + "y" * 40, "return", expected=False)

    assert len(taken) < 10


def test_what_is_written_is_what_the_model_finds_likeliest(scorer, monkeypatch):
    """Also after the gold remainder has been read through the same cache."""
    written = []

    class Noting(Sampler):
        def sample(self, logits, allowed_ids=None):
            token = super().sample(logits, allowed_ids)
            written.append(token.token_id)
            return token

    monkeypatch.setattr(scoring, "Sampler", Noting)
    monkeypatch.setattr(scoring, "_may_become", lambda *_: len(written) < 8)
    prompt = prompt_of(scorer, "x\n")
    scorer.score("a", prompt, "return radius")
    expected = []
    for _ in written:
        logprobs = log_softmax_of_text(scorer, [*prompt.token_ids, *expected])
        expected.append(int(logprobs.argmax()))

    assert len(written) == 8
    assert written == expected


def outcome(problem, nats, baseline, *, is_exact=False):
    answers = {"anchored": Answer(nats, is_exact), "psm": Answer(baseline, is_exact=False)}
    return Outcome("any", problem, "elsewhere", 10, answers)


def test_a_comparison_is_of_sums_over_all_cases():
    outcomes = [outcome("a", 9, 10, is_exact=True), outcome("b", 1, 10), outcome("a", 5, 10)]
    found = compare(outcomes, "anchored", "psm", seed=1)

    assert found == compare(outcomes, "anchored", "psm", seed=1)
    assert found.nats_per_byte.value == pytest.approx(-0.5)
    assert found.relative_nats.value == pytest.approx(-0.5)
    assert found.exact_match.value == pytest.approx(1 / 3)
    assert found.relative_nats.low == pytest.approx(-0.9)
    assert found.relative_nats.high == pytest.approx(-0.3)


def test_the_bounds_are_those_of_the_mean_of_many_problems():
    generator = np.random.default_rng(5)
    differences = generator.normal(1.0, 2.0, 400)
    outcomes = [outcome(str(i), 100 + d, 100) for i, d in enumerate(differences)]
    found = compare(outcomes, "anchored", "psm", seed=1).nats_per_byte
    error = 1.96 * differences.std() / math.sqrt(400) / 10

    assert found.value == pytest.approx(differences.mean() / 10)
    assert found.low == pytest.approx(found.value - error, abs=error / 10)
    assert found.high == pytest.approx(found.value + error, abs=error / 10)


def test_cases_of_one_problem_are_drawn_together():
    single = [outcome(str(i), 90 + i % 2 * 20, 100) for i in range(50)]
    tripled = [entry for entry in single for _ in range(3)]

    one, other = (compare(found, "anchored", "psm", 1) for found in (single, tripled))
    assert one.relative_nats.low == pytest.approx(other.relative_nats.low)
    assert one.relative_nats.low < one.relative_nats.value < one.relative_nats.high


def test_the_command_reports_every_kind(tmp_path, tiny_folder):
    data, out = tmp_path / "Some.jsonl.gz", tmp_path / "new" / "order.json"
    lines = [json.dumps({name: getattr(t, name) for name in Task.__slots__}) for t in TASKS]
    data.write_bytes(gzip.compress("\n".join(lines).encode()))
    options = ["--json", str(out), "--model", str(tiny_folder), "--limit", "3"]
    result = CliRunner().invoke(command.command, [str(data), *options], catch_exceptions=False)
    report = json.loads(out.read_text(encoding="utf-8"))

    assert result.exit_code == 0
    cases = {row["kind"]: row["cases"] for row in report["rows"]}
    places = [cases.pop(name) for name in list(cases) if name.startswith("all, ")]
    assert cases == {kind.name: 3 for kind in KINDS if kind.lines_above < 16}
    assert sum(places) == 9
    assert "anchored - psm" in result.output


def test_the_command_measures_only_the_kinds_it_is_asked_for(tmp_path, tiny_folder):
    data, out = tmp_path / "Some.jsonl.gz", tmp_path / "order.json"
    lines = [json.dumps({name: getattr(t, name) for name in Task.__slots__}) for t in TASKS]
    data.write_bytes(gzip.compress("\n".join(lines).encode()))
    options = ["--json", str(out), "--model", str(tiny_folder), "--limit", "2", "--without-spm"]
    kinds = ["--kind", DISTANCES[1].name, "--kind", HEALING[0].name]
    CliRunner().invoke(command.command, [str(data), *options, *kinds], catch_exceptions=False)
    report = json.loads(out.read_text(encoding="utf-8"))

    found = {row["kind"] for row in report["rows"] if not row["kind"].startswith("all, ")}
    assert found == {DISTANCES[1].name, HEALING[0].name}


def test_a_run_continues_where_an_interruption_ended_it(tmp_path, maker):
    class Interrupted:
        def score(self, sequence_id, prompt, remainder):
            del sequence_id, prompt
            if remainder == last.remainder:
                raise KeyboardInterrupt
            return Answer(1.0, is_exact=False)

    class Scoring:
        def score(self, sequence_id, prompt, remainder):
            del sequence_id, prompt, remainder
            return Answer(2.0, is_exact=False)

    cases = sorted(cut_cases(TASKS[:3], DISTANCES[0], 3, 1), key=lambda c: (c.problem, c.anchor))
    last, path = cases[-1], tmp_path / "cases.jsonl"
    command.measure(cases, maker, Interrupted(), OutcomeFile(path, {}))
    kept = OutcomeFile(path, {}).of(cases)
    rest = OutcomeFile(path, {})
    command.measure(cases, maker, Scoring(), rest)

    assert len(kept) == 2
    assert rest.of(cases)[: len(kept)] == kept
    assert [outcome.answers["psm"].nats for outcome in rest.of(cases)] == [1.0, 1.0, 2.0]


def test_an_order_that_was_left_out_is_not_reported(tmp_path, maker):
    class Scoring:
        def score(self, sequence_id, prompt, remainder):
            del prompt, remainder
            assert not sequence_id.startswith("spm")
            return Answer(1.0, is_exact=sequence_id == "anchored")

    cases = cut_cases(TASKS[:3], DISTANCES[0], 3, 1)
    outcomes = OutcomeFile(tmp_path / "cases.jsonl", {})
    command.measure(cases, maker, Scoring(), outcomes, without_spm=True)
    (row, *_) = rows(outcomes.of(cases), seed=1)

    assert "spm" not in {figures.order for figures in row.orders}
    assert {(c.order, c.baseline) for c in row.comparisons} == {
        (order, psm) for order in ("anchored", "product") for psm in ("psm", "psm_healed")
    }


@pytest.mark.parametrize("content", ['{"run": {}}\n{"case": 1}\n', '{"run": {}}\n{"case": []}\n'])
def test_outcomes_of_something_else_are_refused(tmp_path, content):
    path = tmp_path / "cases.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match="should hold an earlier run"):
        OutcomeFile(path, {})


@pytest.mark.parametrize(
    ("matches", "may_lead"), [((1, 0, 0), True), ((1, 1, 0), True), ((0, 1, 0), False)]
)
def test_whether_the_product_may_lead_is_told_by_its_bounds(matches, may_lead):
    exact = dict(zip(("product", "psm", "psm_healed"), map(bool, matches), strict=True))
    answers = {order: Answer(1.0, is_exact=exact.get(order, False)) for order in DISTANCE_ORDERS}
    outcomes = [Outcome("anchor 4 above", str(i), "elsewhere", 10, answers) for i in range(9)]

    assert [row.product_may_lead for row in rows(outcomes, seed=1)] == [may_lead] * 2


@pytest.mark.parametrize(
    ("nats", "psm", "psm_healed", "is_exact", "meets_bar"),
    [
        (10.0, 10.0, 10.0, True, True),
        (10.1, 10.0, 10.0, True, True),
        (10.3, 10.0, 11.0, True, False),
        (10.3, 11.0, 10.0, True, False),
        (9.0, 10.0, 10.0, False, False),
    ],
)
def test_the_bar_of_a_distance(nats, psm, psm_healed, is_exact, meets_bar):
    answers = {order: Answer(psm, is_exact=True) for order in DISTANCE_ORDERS}
    answers |= {"psm_healed": Answer(psm_healed, is_exact=False)}
    answers |= {"anchored": Answer(nats, is_exact)}
    outcomes = [Outcome("anchor 4 above", str(i), "elsewhere", 10, answers) for i in range(9)]
    found = list(rows(outcomes, seed=1))

    assert [row.kind for row in found] == ["anchor 4 above", "all, elsewhere"]
    assert [row.meets_bar for row in found] == [meets_bar] * 2


@pytest.mark.parametrize(("healed", "meets_bar"), [(9.9, True), (10.0, False), (11.0, False)])
def test_the_bar_of_healing(healed, meets_bar):
    answers = {order: Answer(10.0, is_exact=False) for order in HEALING_ORDERS}
    answers |= {"anchored": Answer(healed, is_exact=False)}
    outcomes = [Outcome("after indents", str(i), "elsewhere", 10, answers) for i in range(9)]

    assert [row.meets_bar for row in rows(outcomes, seed=1)] == [meets_bar]
