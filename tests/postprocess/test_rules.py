import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import RULES, apply_rules, is_settled
from tests.postprocess.check import check_shown
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
    ],
)
def test_lines_end_as_the_documents_do(text, model_says, shown):
    check_shown(text, model_says, shown)


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
    "} else {", "x = 1\n",
)  # fmt: skip
CODE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
LOOPY = st.builds(
    lambda a, b, n: a + b * n, CODE, CODE.filter(lambda t: len(t) < 30), st.integers(0, 8)
)
RAW = CODE | LOOPY | st.text(max_size=30)
MULTILINE = st.sampled_from(["auto", "never", "always"])
PLACES = st.builds(
    lambda before, after, multiline: Place.of(snapshot_of(f"{before}‸{after}"), multiline),
    CODE, CODE, MULTILINE,
)  # fmt: skip


def unified(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(RAW, PLACES)
def test_what_is_shown_is_a_beginning_of_what_the_model_wrote(raw, place):
    outcome = apply_rules(raw, place)

    assert unified(raw).startswith(unified(outcome.text))
    assert (outcome.refused_by is None) == bool(outcome.text.strip())


@given(RAW, PLACES)
def test_the_rules_find_nothing_more_in_what_they_left(raw, place):
    text = apply_rules(raw, place).text

    assert apply_rules(text, place).text == text


@given(RAW, PLACES, st.integers(1, 9))
def test_stopping_early_does_not_change_the_result(raw, place, chunk_size):
    ends = range(chunk_size, len(raw) + chunk_size, chunk_size)
    stopped = next((raw[:end] for end in ends if is_settled(raw[:end], place)), raw)

    assert apply_rules(stopped, place) == apply_rules(raw, place)


@given(RAW, RAW, PLACES)
def test_what_is_settled_stays_as_it_is(raw, more, place):
    if is_settled(raw, place):
        assert apply_rules(raw + more, place) == apply_rules(raw, place)
