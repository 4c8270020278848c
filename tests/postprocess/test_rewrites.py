"""Lines below that come again with a small change, and their siblings, which are worth having."""

import pytest

from tests.postprocess.check import check_rule

JS = """\
function total(items) {
  let sum = 0;
  ‸
  for (const item of items) {
    sum += item.price;
  }
  return sum;
}
"""
PYTHON = """\
def total(items):
    result = 0
    ‸
    for item in items:
        result += item.price
    return result
"""


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        (JS, "for (const it of items) {\n    sum += it.price;\n  }\n  return sum;", ""),
        (JS, "for (const it of items) {\n    sum += it.price;\n", ""),
        (JS, "log();\n  for (const it of items) {\n    sum += it.price;\n", "log();\n"),
        (
            JS,
            "for (const item of this.items) {\n    sum += item.price;\n  }\n  return sum;\n}",
            "",
        ),
        (PYTHON, "for i in items:\n        result += i.price\n    return result", ""),
        (PYTHON, "for i, in items:\n        result += i.price * 2\n    return result", None),
        (
            PYTHON,
            "for item in items[1:]:\n        result += item.price\n    return result",
            "",
        ),
        (
            "def f(a, c):\n    ‸\n    if c:\n        go(c)\n    return done(a, c)",
            "if a:\n        go(a)\n    return done(a, c)",
            "if a:\n        go(a)\n",
        ),
    ],
)
def test_the_next_lines_with_a_small_change_are_not_written(text, model_says, expected):
    check_rule("rewrites_below", text, model_says, model_says if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "model_says"),
    [
        ("self.width = width\n‸\nself.depth = depth\n", "self.height = height"),
        ("  case 'a':\n    f(1);\n  ‸\n  case 'c':\n    f(3);\n", "case 'b':\n    f(2);"),
        ("if (a) {\n  f(a);\n}\n‸\nif (c) {\n  f(c);\n}\n", "if (b) {\n  f(b);\n}"),
        ("x = add(1)\nprint(x)\n‸\nx = add(3)\nprint(x)\n", "x = add(2)\nprint(x)"),
        ("‸\ndef b(self):\n    return self.x\n", "def a(self):\n    return self.x"),
        ("‸\n    x: int = 1\n", "    y: int = 1"),
        ("def f(a, b):\n    ‸\n    use(b)\n    return b", "use(a)\n    check(b)"),
        ("import a\n‸\nimport c\nimport d\n", "import b"),
    ],
)
def test_a_sibling_of_the_next_lines_stays(text, model_says):
    check_rule("rewrites_below", text, model_says, model_says)
