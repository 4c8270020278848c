from random import Random

import pytest

from tests.support.cursor import parse_cursor
from training.fim_transform import span as spans
from training.fim_transform import syntax

BRANCH = """def f(a):
    if a:
        return g(a)

    x = 1
    y = 2
z = 3
"""
CALL = {
    "python": "def f(a):\n    ‸return call(a, other(b))\n",
    "typescript": "function f(a: number) {\n  ‸return call(a, other(b));\n}\n",
    "javascript": "function f(a) {\n  ‸return call(a, other(b));\n}\n",
    "go": "package p\n\nfunc f(a int) int {\n\t‸return call(a, other(b))\n}\n",
    "rust": "fn f(a: i32) -> i32 {\n    ‸return call(a, other(b));\n}\n",
    "java": "class A {\n    int f(int a) {\n        ‸return call(a, other(b));\n    }\n}\n",
    "c": "int f(int a) {\n    ‸return call(a, other(b));\n}\n",
    "cpp": "int f(int a) {\n    ‸return call(a, other(b));\n}\n",
}


def middles(choose, marked, *arguments):
    """Return every middle that is chosen from the mark in 300 draws."""
    text, offset = parse_cursor(marked)
    chosen = [choose(text, offset, *arguments, Random(seed)) for seed in range(300)]

    assert all(0 <= span.start <= span.end <= len(text) for span in chosen)
    return {text[span.start : span.end] for span in chosen}


def test_the_rest_of_a_line_starts_before_after_or_inside_its_text():
    expected = {"    ab(c)", "ab(c)", "b(c)", "(c)", "c)", ")"}

    assert middles(spans.rest_of_line, "if a:\n    a‸b(c)\nd = 1\n") == expected


def test_a_line_of_closers_only_is_passed_over():
    assert middles(spans.rest_of_line, "f(\n‸)\n\nxy\n") == {"xy", "y"}


def test_after_the_last_code_there_is_nothing_to_fill_in():
    assert middles(spans.rest_of_line, "f(\n)\n‸") == {""}
    assert middles(spans.block, "f(\n)\n  ‸\n") == {""}


def test_the_last_line_may_lack_its_end():
    assert middles(spans.rest_of_line, "a = 1\n‸bc") == {"bc", "c"}


def test_a_block_is_a_header_with_its_body_or_statements_in_a_row():
    text = BRANCH.replace("    if a", "‸    if a")
    found = {middle.strip() for middle in middles(spans.block, text)}

    assert "if a:\n        return g(a)" in found
    assert "if a:\n        return g(a)\n\n    x = 1\n    y = 2" in found
    assert not any("z = 3" in middle for middle in found)


def test_a_block_does_not_end_in_blank_lines():
    text = "if a:\n‸    x = 1\n\n\n\nb = 2\n"

    assert {middle.strip(" ") for middle in middles(spans.block, text)} <= {
        "x = 1"[i:] for i in range(5)
    }


@pytest.mark.parametrize("language", CALL)
def test_nodes_are_whole_expressions_and_statements(language):
    found = middles(spans.node, CALL[language], language)

    assert "call(a, other(b))" in found
    assert "other(b)" in found
    assert all(middle.count("(") == middle.count(")") for middle in found)


def test_nodes_after_wide_characters_are_found_where_they_are():
    for language, text in (
        ("python", "é = '🦀'; ‸call(alpha)\n"),
        ("go", "// 🦀é\n‸call(alpha)\n"),
    ):
        assert "call(alpha)" in middles(spans.node, text, language)


def test_a_file_that_does_not_parse_gives_blocks():
    assert "bc(" in middles(spans.node, "def (:\n‸bc(\n", "python")


def test_random_characters_stay_in_the_document():
    assert max(middles(spans.random_characters, "ab‸cdef"), key=len) == "cdef"


def check_closing_tail(marked, expected):
    before, middle, after = marked.split("‸")
    text = before + middle + after
    span = spans.with_closing_tail(text, spans.Span(len(before), len(before + middle)))

    assert text[span.start : span.end] == expected


def test_what_closes_the_line_belongs_to_the_middle():
    check_closing_tail("f(‸a, b‸)\nx\n", "a, b)")
    check_closing_tail("f(‸a‸, b)\nx\n", "a")
    check_closing_tail("f(‸a)‸\nx\n", "a)")


def test_an_error_of_the_parser_itself_is_met_by_parsing_again(monkeypatch):
    text = "def f(a):\n    return g(a)\n"
    expected = syntax.syntax_nodes(text, 0, "python")
    parse, errors = syntax.ast.parse, [SystemError("AST constructor recursion depth mismatch")]

    def parse_badly_once(source):
        if errors:
            raise errors.pop()
        return parse(source)

    monkeypatch.setattr(syntax.ast, "parse", parse_badly_once)

    assert syntax.syntax_nodes(text, 0, "python") == expected
    assert not errors
