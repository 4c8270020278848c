import pytest

from tests.postprocess.check import check_rule


@pytest.mark.parametrize(
    ("model_says", "expected"),
    [
        ("a = 1\na = 1\na = 1\n", "a = 1\n"),
        ("a = 1\na = 1\nb = 1\n", "a = 1\na = 1\nb = 1\n"),
        ("x\n\na\nb\n\na\nb\n\na\nb\nc", "x\n\na\nb\n\n"),
        ("a\nb\nc\nd\n" * 3, "a\nb\nc\nd\n"),
        ("a\n a\n  a", "a\n a\n  a"),
    ],
)
def test_of_lines_that_come_three_times_the_first_stay(model_says, expected):
    check_rule("line_loop", "‸", model_says, expected)


def test_the_cursors_line_counts_as_a_copy():
    check_rule("line_loop", "a.b(‸", "1)\na.b(1)\na.b(1)", "1)\n")


@pytest.mark.parametrize(
    ("model_says", "expected"),
    [
        ("x = a + a + a + a + a + a + a + a + a", ""),
        ("y = 1\n    x = " + "foo(bar(" * 6, "y = 1\n"),
        ("first second third first second third first second third first second third ", ""),
        ("x = [0, 0, 0, 0, 0, 0]", "x = [0, 0, 0, 0, 0, 0]"),
        ("# ------------------------------------------------------", None),
        ("# " + "-" * 120, ""),
        ("x = 'ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍ü👍'", ""),
        (" " * 40 + "x", None),
    ],
)
def test_a_line_that_loops_goes(model_says, expected):
    check_rule("inline_loop", "‸", model_says, model_says if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("    x = value\n    ‸", "x = value", ""),
        ("    x = value\n\n    x = ‸", "value\n    y = 1", ""),
        ("    x = value‸", "\n    x = value\n    y = 1", ""),
        ("    x = value\n‸", "x = value", "x = value"),
        ("}\n‸", "}", "}"),
        ("a = 1\nb = 2\n‸", "a = 1", "a = 1"),
        ("‸", "a = 1", "a = 1"),
    ],
)
def test_an_echo_of_the_line_above_goes(text, model_says, expected):
    check_rule("echo", text, model_says, expected)
