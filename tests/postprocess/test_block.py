import pytest

from tests.postprocess.check import check_rule


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        pytest.param(
            "def f(x):‸", "\n    return x\n\n\ndef g():", "\n    return x\n\n\n", id="opened block"
        ),
        pytest.param(
            "def f(x):\n    ‸", "y = x\n    return y\ndef g():", "y = x\n    return y\n", id="body"
        ),
        pytest.param("    x = fo‸", "o()\n    y = 1\nz = 2", "o()\n    y = 1\n", id="same level"),
        pytest.param(
            "if x:‸", "\n    a\nelse:\n    b\nc()", "\n    a\nelse:\n    b\n", id="else goes on"
        ),
        pytest.param("if x:‸", "\n    a\nelsewhere()", "\n    a\n", id="elsewhere does not"),
        pytest.param("    return x‸", "\n\ndef g():", "\n\n", id="leaves at once"),
        pytest.param("def f():\n    a = 1\n‸", "    return a\nb", "    return a\n", id="column 0"),
        pytest.param(
            "class A:\n    ‸", "x = 1\n\n    def f(self):\n        pass\n", None, id="class body"
        ),
        pytest.param("def f():\n‸", "\n    return a\nb", "\n    return a\n", id="empty line"),
        pytest.param("  ‸", "  x\n   y", "  x\n", id="the completion's own blanks"),
        pytest.param("def f():\n\t‸", "a\n\tb\nc", "a\n\tb\n", id="tabs"),
        pytest.param("    ‸", "\nx", "\n", id="less than the cursor's blanks"),
    ],
)
def test_python_keeps_to_its_block(text, model_says, expected):
    check_rule("block_end", text, model_says, model_says if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        pytest.param("func f() {‸", "\n\treturn\n}\n\nfunc g() {", "\n\treturn\n}", id="closes"),
        pytest.param("func f() {‸\n}", "\n\treturn\n}\n", "\n\treturn\n", id="suffix closes"),
        pytest.param(
            "  if (x) {‸", "\n    a();\n  } else {\n    b();\n  }\n  c();",
            "\n    a();\n  } else {\n    b();\n  }", id="else goes on",
        ),
        pytest.param("\tif x {\n\t\t‸", "a()\n\t}\n\tb()", "a()\n\t}", id="opened above"),
        pytest.param("\tif x {‸\n}", "\n\t\ta\n\t}\n", "\n\t\ta\n\t}", id="another's closer"),
        pytest.param("\tif x {‸", "\n\t\ta\n}\n", "\n\t\ta\n", id="closes more than it opened"),
        pytest.param("x = foo(‸", "\n    a,\n)\ny = 1", "\n    a,\n)", id="brackets"),
        pytest.param("const f = () => {‸", "\n  a;\n};\nb;", "\n  a;\n};", id="closer and mark"),
        pytest.param("void f()‸", "\n{\n    a;\n}\n\nvoid g()", "\n{\n    a;\n}\n\n", id="Allman"),
        pytest.param("def f‸", "\n  a\nend\n\ndef g", "\n  a\nend", id="Ruby"),
        pytest.param("def f‸\nend", "\n  a\nend\n", "\n  a\n", id="Ruby, suffix ends"),
        pytest.param("\tswitch x {‸", "\n\tcase 1:\n\t\ta()\n\t}\n\tb()", None, id="Go switch"),
    ],
)  # fmt: skip
def test_languages_with_closers_keep_to_their_block(text, model_says, expected):
    check_rule("block_end", text, model_says, model_says if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("import os‸", "\nimport sys\n\nx = 1", "\nimport sys\n\n"),
        ("import os‸", "\n\nx = 1\ny = 2", "\n\nx = 1\ny = 2"),
        ("‸", "def f():\n    a\n\n    b\n\n\nc", "def f():\n    a\n\n    b\n\n\n"),
        ("Some ‸", "prose.\n\nAnother paragraph.", "prose.\n\n"),
    ],
)
def test_at_the_top_level_a_blank_line_ends_the_block(text, model_says, expected):
    check_rule("block_end", text, model_says, expected)
