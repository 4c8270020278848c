import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_lsp.postprocess.draft import Draft
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import RULES, apply_rules, is_settled
from tests.postprocess.check import check_settled, check_shown
from tests.support.snapshots import snapshot_of


@pytest.mark.parametrize(
    ("text", "model_says", "shown"),
    [
        ("def add(a, b):\n    return ‸\n", "a + b\n\n\nprint(add(1, 2))", "a + b"),
        ("def add(a, b):‸", "\n    return a + b\n\n\ndef sub(a, b):\n", "\n    return a + b"),
        ("print(‸)", "x)\nprint(y)\n", "x"),
        ("func f() {‸}\n", "\n\treturn\n}\n\nfunc g() {", "\n\treturn\n"),
        ("func f() {\n\t‸\n}\n", "a()\n\tb()\n}\n", "a()\n\tb()"),
        ("for (const x of xs) {\n  ‸\n}", "use(x);\n}\n\nmore();", "use(x);"),
        ("x = 1\n‸", "y = 2\ny = 2\ny = 2\ny = 2\n", "y = 2"),
        ("const s = `‸`;", "a\nb`;\nc", "a\nb"),
        ("naïve = {'ключ‸'}", "и': 1}\n", "и"),
    ],
)
def test_what_is_worth_showing(text, model_says, shown):
    check_shown(text, model_says, shown)


@pytest.mark.parametrize(
    ("text", "model_says", "refused_by"),
    [
        ("x = ‸", "", "empty"),
        ("x = ‸", " \n\t ", "empty"),
        ("foo(‸, b)", "\n", "line_end"),
        ("f(‸)", ")", "closed_bracket"),
        ('f("‸")', '")\n', "closed_bracket"),
        ("{\n  ‸\n}", "}", "closed_bracket"),
        ("x = y‸;", ";", "closing_tail"),
        ("‸\nimport functools\n", "import functools\nimport os", "suffix_begins"),
        ("    y‸\n    yz", "z", "repeats_below"),
        ("  return x‸", "\n\nclass", "block_end"),
        ("x = ‸", "a, " * 30, "inline_loop"),
        ("return ‸b", "b", "repeats_rest"),
        ("value = 1\n‸", "value = 1\nother = 2", "echo"),
    ],
)
def test_a_refusal_has_the_rules_name(text, model_says, refused_by):
    check_shown(text, model_says, "", refused_by)


@pytest.mark.parametrize(
    ("text", "model_says", "shown"),
    [
        ("def f():‸\r\nx = 1\r\n", "\n    a\n    b\n", "\r\n    a\r\n    b"),
        ("def f():‸\r\nx = 1\r\n", "\r\n    a\r\n    b\r\n", "\r\n    a\r\n    b"),
        ("a\nb\r\n‸c\n", "x\n", "x"),
        ("a\r\ndef f():‸\nb", "\n    x", "\r\n    x"),
        ("def f():‸", "\r\n    x", "\n    x"),
        ("a\rdef f():‸", "\n    x", "\r    x"),
        ("a\nb\r\ndef f():‸", "\n    x", "\r\n    x"),
    ],
)
def test_lines_end_as_the_documents_do(text, model_says, shown):
    check_shown(text, model_says, shown)


@pytest.mark.parametrize(
    ("text", "read", "rest"),
    [
        ("foo(‸, b)", "a\n", "c"),
        ("print(‸)", "f(x))", "\n"),
        ('print("‸")', 'a"', '"")'),
        ('"""‸"""', 'a"b""c"""', "\n"),
        ("x = ‸;", "foo();\n", "\nbar"),
        ("x = ‸\nname = value_of(x)\n", "1\nname = value_of(x)\n", "1"),
        ("if a:\n    ‸\nelse:\n    b", "x\nel", "se:\n    b"),
        ("f(‸\n    a,\n    b,", "\n    a,\n    b,\n", "c"),
        ("x = foo(‸ + other.value)", "a + other.value)", ".b"),
        ("x = foo(‸ + other.value * factor)", "a + other.value * fact", "s"),
        ("if x:\n    ‸", "a\nb", "()"),
        ("if x:‸", "\n    a\nelsewhere(", ")"),
        ("if x:‸", "\n    a\nelse:\n    b\nc\n", "d"),
        ("{‸", "\n    a\n}\n", "b"),
        ("{‸", "\n    a\n} else {\n    b\n}\n", "b"),
        ("import os‸", "\nimport sys\n\nx", " = 1"),
        ("‸", "a()\nb()\na()\nb()\na()\nb()\n", "a()"),
        ("‸", "a = 1\n  x" + ", yz" * 7 + ", ", "yz"),
        ("value = 1\n‸", "value = 1\n", "x"),
    ],
)
def test_a_result_is_settled_as_soon_as_it_is_sure(text, read, rest):
    check_settled(text, read, rest)


def test_the_first_of_two_signs_that_the_suffix_begins_settles_the_result():
    text = "x = f(‸ + other.value)\nname = value_of(x)"
    lines, rest = "a\nname = value_of(x)\n", "b + other.value)"

    check_settled(text, lines, rest, "always")


def test_the_names_of_the_rules_are_unique():
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)


def test_a_huge_document_is_looked_at_around_the_cursor_only():
    filler = "value = 1\n" * 500_000

    check_shown(f"{filler}def f():‸\n{filler}", "\n    a\nb", "\n    a")


def test_a_huge_line_is_looked_at_around_the_cursor_only():
    filler = "var a=1;" * 500_000

    check_shown(f"{filler}f(‸){filler}", "x)\ny", "x")


PIECES = (
    " ", "    ", "\t", "\n", "\n", "\n    ", "\r\n", "\r", "\n\n", "x", "foo", "(", ")", "[", "]",
    "{", "}", '"', "'", '"""', "`", "\\", ";", ",", ":", ">", "end", "else:", "return value",
    "a = 1", "import functools", "ü", "👍🏽", "\u2028", "\f", "def f():", "--", "if x {",
    "} else {", "x = 1\n", "```", "#", " # ", "//", "'a", "it's", "${", "for i in xs:\n",
    "use(i)\n", "</a>", "Here is the code:", "<think>", "\\(",
)  # fmt: skip
CODE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
LOOPY = st.builds(
    lambda a, b, n: a + b * n, CODE, CODE.filter(lambda t: len(t) < 30), st.integers(0, 8)
)
UNHURRIED = settings(deadline=None)
RAW = CODE | LOOPY | st.text(max_size=30)


@st.composite
def raws_and_places(draw):
    """Draw a completion that often repeats what surrounds it, and its place."""
    before, after = draw(CODE), draw(CODE)
    echo = draw(st.sampled_from([before, after, after.lstrip()]))
    raw = draw(RAW) + echo[: draw(st.integers(0, 30))] + draw(RAW)
    multiline = draw(st.sampled_from(["auto", "never", "always"]))
    language_id = draw(st.sampled_from(["python", "javascript", "plaintext"]))
    snapshot = snapshot_of(f"{before}‸{after}", language_id=language_id)
    return raw, Place.of(snapshot, multiline, is_instruct=draw(st.booleans()))


def unified(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


@UNHURRIED
@given(raws_and_places())
def test_what_is_shown_is_a_beginning_of_what_the_model_wrote(raw_and_place):
    raw, place = raw_and_place
    outcome = apply_rules(raw, place)

    assert unified(raw).startswith(unified(outcome.text))
    assert (outcome.refused_by is None) == bool(outcome.text.strip())


@UNHURRIED
@given(raws_and_places())
def test_the_rules_find_nothing_more_in_what_they_left(raw_and_place):
    raw, place = raw_and_place
    text = apply_rules(raw, place).text

    assert apply_rules(text, place).text == text


@UNHURRIED
@given(raws_and_places(), st.integers(1, 9))
def test_stopping_early_does_not_change_the_result(raw_and_place, chunk_size):
    raw, place = raw_and_place
    ends = range(chunk_size, len(raw) + chunk_size, chunk_size)
    stopped = next((raw[:end] for end in ends if is_settled(raw[:end], place)), raw)

    assert apply_rules(stopped, place) == apply_rules(raw, place)


@UNHURRIED
@given(raws_and_places())
def test_a_judgement_says_exactly_when_it_became_certain(raw_and_place):
    text, place = unified(raw_and_place[0]), raw_and_place[1]
    for rule in RULES:
        cut = rule.judge(Draft(text, has_ended=False), place)
        if cut is not None:
            assert cut.end <= cut.seen
            assert rule.judge(Draft(text[: cut.seen], has_ended=False), place) == cut
            assert rule.judge(Draft(text[: cut.seen - 1], has_ended=False), place) is None
