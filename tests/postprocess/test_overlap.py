import pytest

from tests.postprocess.check import check_rule

PYTHON = """\
def total(items):
    result = 0
    ‸
        result += item.price

    return result
"""

GO = """\
func f(x int) int {
\tif x > 0 {
\t\t‸
\t}
\treturn x
}
"""


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        (PYTHON, "for item in items:\n        result += item.price\n", "for item in items:\n"),
        (PYTHON, "for i in items:\n        r += i\n", "for i in items:\n        r += i\n"),
        (
            PYTHON.replace("\n", "\r\n"),
            "for i in i:\n        result += item.price",
            "for i in i:\n",
        ),
        (GO, "return 1\n\t}\n\treturn x", "return 1\n"),
        (GO, "return 1\n\t}\n\n\treturn x", "return 1\n"),
        (GO, "{\n\t}\n", "{\n\t}\n"),
        ("x = ‸\nname = value_of(x)\n", "1\n\nname = value_of(x)\n", "1\n\n"),
        ("‸\nimport functools\n", "import functools", ""),
    ],
)
def test_the_completion_ends_where_the_next_lines_begin(text, model_says, expected):
    check_rule("suffix_begins", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("x = foo(‸ + other.value)", "a + other.value)", "a"),
        ("x = foo(‸other_value, b)", "a, other_value, b)", "a, "),
        ("x = ‸ + y", "a + y + z", "a + y + z"),
    ],
)
def test_the_completion_ends_where_the_rest_of_the_line_begins(text, model_says, expected):
    check_rule("suffix_begins", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("if a:\n    ‸\nelse:\n    b", "x\nelse:\n    b", "x\n"),
        ("if a:\n    ‸\nelse:\n    b", "x\nelse:", "x\n"),
        ("if a:\n    ‸\nelse:\n    b", "x\n    else:", "x\n    else:"),
        ("    y‸\n    yz", "z", ""),
        ("a‸", "b", "b"),
    ],
)
def test_last_lines_that_are_the_next_lines_go(text, model_says, expected):
    check_rule("repeats_below", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("return ‸b", "a + b", "a + "),
        ("return ‸b", "bob", "bob"),
        ("x = ‸ + y", "a + y", "a"),
        ("f(‸, ü)", "ä, ü)", "ä"),
        ("f(‸)", "a)", "a)"),
    ],
)
def test_an_end_that_is_the_rest_of_the_line_goes(text, model_says, expected):
    check_rule("repeats_rest", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("    pri‸nt(x)", 'nt(f"{x!r}")', ""),
        ("    pri‸nt(x)", "nt", ""),
        ("get_‸name()", "user_name()", "user_"),
        ("get_‸name()", "user_name", "user_"),
        ("re‸s = f()", "ponses = f(1)", "ponse"),
        ("x.na‸me", "me_of_it = 1", ""),
        ("foo(‸bar)", "bar", ""),
        ("foo(‸bar, x)", "a, bar", "a, "),
        ("self.‸name", "name = x", ""),
        ("größ‸e", "e = 1", ""),
    ],
)
def test_the_word_right_of_the_cursor_is_not_written_twice(text, model_says, expected):
    check_rule("word_end", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says"),
    [
        ("get_‸name()", "user_"),
        ("get_‸name()", "first_of_"),
        ("return ‸b", "bob"),
        ("x = ‸a", "a + 2 * "),
        ("foo‸bar", " + "),
        ("foo(‸)", "foo"),
        ("pri‸", "nt(x)"),
        ("pri‸ nt", "nt"),
        ("‸b", "a."),
    ],
)
def test_a_word_that_the_rest_of_the_line_completes_stays(text, model_says):
    check_rule("word_end", text, model_says, model_says)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("‸\nfoo(first, 'a');", 'x\nfoo( first, "a" )', "x\n"),
        ("‸\nfoo(first, 'a');", "x\n  foo(first, 'a');", "x\n  foo(first, 'a');"),
        ("‸\nfoo(first, 'a');", "x\nfoo(first, 'b');", "x\nfoo(first, 'b');"),
    ],
)
def test_blanks_and_quotation_marks_do_not_make_another_line(text, model_says, expected):
    check_rule("suffix_begins", text, model_says, expected)
