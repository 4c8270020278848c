import pytest

from tests.postprocess.check import check_rule


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("print(‸)", "x)\nfoo()", "x"),
        ("print(‸", "x)", "x)"),
        ("f(g(‸)", "x))", "x)"),
        ("f(g(‸))", "x) + 1)", "x"),
        ("f(‸, b)", "a)", "a"),
        ("foo(‸);", "a, g(b));", "a, g(b)"),
        ("if (‸) {", "x.y()) {", "x.y()"),
        ("a[‸]", "i]", "i"),
        ("a[‸]", "i)", "i)"),
        ("print(‸)", '":)")', '":)"'),
        ("print(‸)", r"'\')', x)", r"'\')', x"),
        ("print(‸)", "f(')', \"it's\"))", "f(')', \"it's\")"),
    ],
)
def test_a_bracket_that_stands_right_of_the_cursor_is_not_written(text, model_says, expected):
    check_rule("closed_bracket", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ('print("‸")', 'hello")', "hello"),
        ('print("‸")', 'it\'s (so) \\"quoted\\"")', 'it\'s (so) \\"quoted\\"'),
        ('print("‸', 'hello")', 'hello")'),
        ('print("‸)', 'hello")', 'hello"'),
        ("x in {'a‸, 'b'}", "'", "'"),
        ("x in {'a‸c', 'b'}", "b'", "b"),
        ("x = `‸`", "a ${b} \n c`;", "a ${b} \n c"),
        (
            'def f():\n    """‸"""',
            'Say "hi".\n    It isn\'t.\n    """',
            'Say "hi".\n    It isn\'t.\n    ',
        ),
        ('x = "‸"', 'a\nb "c"', 'a\nb "c"'),
    ],
)
def test_a_literal_that_is_closed_right_of_the_cursor_is_not_closed(text, model_says, expected):
    check_rule("closed_bracket", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("f(\n    a,\n    ‸\n)", "b)", "b"),
        ("f(\n    a,\n    b‸\n)", "\n)", "\n"),
        ("f(\n    g(‸\n)", "x))", "x)"),
        ("func f() {‸\n}\n", "\n\treturn 1\n}", "\n\treturn 1\n"),
        ("func f() {\n\tif x {‸\n}\n", "\n\t\treturn\n\t}", "\n\t\treturn\n\t}"),
        ("func f() {‸\n\nfunc g() {\n}", "\n\treturn\n}", "\n\treturn\n}"),
        ("g(() => {\n    if (x) {\n        a\n    ‸\n})", "}\n})", "}\n"),
        ("g(() => {\n    if (x) {\n        a‸\n})", "\n    }\n})", "\n    }\n"),
        ("g(() => {\n    a\n    ‸\n})", "})", ""),
        ("x = [\n    f(  # (see above\n        ‸\n    )\n]", "a  # :)\n    ),", "a  # :)\n    "),
        ("f(\n        b,‸\n)", "\n    c)", "\n    c"),
        ("# a list: ‸\n)", "a), b)", "a), b)"),
        ("f(\r\n    ‸\r\n)\r\n", "b)", "b"),
    ],
)
def test_a_bracket_that_starts_the_next_line_is_not_written(text, model_says, expected):
    check_rule("closed_bracket", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("x = ‸;", "foo();", "foo()"),
        ("x = ‸;", "foo(\n  a);\nb();", "foo(\n  a);\nb()"),
        ("if x‸:", " > 0:\n    return", " > 0"),
        ("    a‸,", "bc,", "bc"),
        ("let v: Array<‸>", "string>", "string"),
        ("x = ‸", "1;", "1;"),
        ("x = ‸;", "1", "1"),
        ("f(‸);", "a;", "a;"),
    ],
)
def test_a_mark_right_of_the_cursor_is_not_written_twice(text, model_says, expected):
    check_rule("closing_tail", text, model_says, expected)
