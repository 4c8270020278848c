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
