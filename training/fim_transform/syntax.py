"""The nodes of a document's syntax tree near an offset: ``ast`` for Python, else tree-sitter.

A file that Python's own parser refuses has no nodes; tree-sitter reads on over errors.
"""

import ast
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import tree_sitter

_REACH = 3000
"""Nodes are looked for from the offset to this many characters on."""
_GRAMMARS = {
    "typescript": ("tree_sitter_typescript", "language_tsx"),
    "javascript": ("tree_sitter_javascript", "language"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
}


def syntax_nodes(text: str, offset: int, language: str) -> list[tuple[int, int]]:
    """Return start and end of the nodes that start within reach of the offset."""
    if language == "python":
        nodes = _python_nodes(text)
    elif language in _GRAMMARS:
        nodes = _tree_sitter_nodes(text, offset, language)
    else:
        return []
    return [(start, end) for start, end in nodes if offset <= start < offset + _REACH]


def _parse(text: str) -> ast.Module:
    """Parse, once more where another thread parsed meanwhile.

    CPython up to 3.12 counts the depth of syntax trees for all threads together (its issue 106905)
    and takes what they make of the count for an error of its own.
    """
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)


def _python_nodes(text: str) -> Iterator[tuple[int, int]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = _parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    lines = text.split("\n")
    for found in ast.walk(tree):
        if isinstance(found, (ast.stmt, ast.expr)) and found.end_lineno is not None:
            start = _column(lines[found.lineno - 1], found.col_offset)
            end = _column(lines[found.end_lineno - 1], found.end_col_offset or 0)
            yield starts[found.lineno - 1] + start, starts[found.end_lineno - 1] + end


def _column(line: str, num_bytes: int) -> int:
    """``ast`` counts columns in bytes of UTF-8."""
    if line.isascii():
        return num_bytes
    return len(line.encode("utf-8")[:num_bytes].decode("utf-8", "ignore"))


def _tree_sitter_nodes(text: str, offset: int, language: str) -> Iterator[tuple[int, int]]:
    content = text.encode("utf-8")
    first = len(text[:offset].encode("utf-8"))
    last = len(text[: offset + _REACH].encode("utf-8"))
    pending = [_parser(language).parse(content).root_node]
    while pending:
        found = pending.pop()
        if found.end_byte < first or found.start_byte >= last:
            continue
        pending.extend(found.named_children)
        if found.start_byte >= first:
            start = offset + len(content[first : found.start_byte].decode("utf-8", "ignore"))
            length = len(content[found.start_byte : found.end_byte].decode("utf-8", "ignore"))
            yield start, start + length


@cache
def _parser(language: str) -> tree_sitter.Parser:
    module, function = _GRAMMARS[language]
    return tree_sitter.Parser(tree_sitter.Language(getattr(import_module(module), function)()))
