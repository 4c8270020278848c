import pytest

from tests.postprocess.check import check_rule


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("foo(‸, b)", "a\nc", "a"),
        ("foo(‸, b)", "\n", ""),
        ("x = ‸", "1\ny = 2", "1\ny = 2"),
        ("f(‸)", "a,\n  b", "a,\n  b"),
        ('d["‸"]);', "a\nb", "a\nb"),
        ("if ‸ {", "x\ny", "x"),
        ("x = ‸  # why", "1\n", "1"),
    ],
)
def test_in_the_middle_of_a_line_the_completion_ends_with_the_line(text, model_says, expected):
    check_rule("line_end", text, model_says, expected)


@pytest.mark.parametrize(
    ("multiline", "text", "expected"),
    [
        ("never", "x = ‸", "1"),
        ("never", "f(‸)", "1"),
        ("always", "f(‸, b)", "1\n2"),
        ("always", "x = ‸", "1\n2"),
    ],
)
def test_the_setting_overrules_the_place(multiline, text, expected):
    check_rule("line_end", text, "1\n2", expected, multiline)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("x = ‸", "1  \n\t\n", "1"),
        ("x =‸", "\n    1", "\n    1"),
        ("f(‸)", "a ", "a"),
        ("return ‸b", "a + ", "a + "),
        pytest.param("f() {‸}", "\n  x\n\n\n", "\n  x\n", id="block closed on its own line"),
        pytest.param("f() {\n  ‸}", "\n  x\n  \n", "\n  x\n  ", id="indentation of the closer"),
        pytest.param("f(‸)", "a,\n  b\n", "a,\n  b", id="opened on the cursor's line"),
        pytest.param("f() {‸}", "\n  x", "\n  x", id="nothing is added"),
    ],
)
def test_blanks_at_the_end_go_where_nothing_follows(text, model_says, expected):
    check_rule("blank_tail", text, model_says, expected)
