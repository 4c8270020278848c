"""Choose the part of a document that the model has to fill in.

Every way of choosing starts from an offset, drawn evenly over the document by the caller, so that
all of it is learnt alike.
"""

from dataclasses import dataclass
from random import Random

from coder_lsp.documents.document import is_closing_tail, line_end, line_start
from training.fim_transform.syntax import syntax_nodes

_MAX_NODE_LENGTH = 600
_MIN_NODE_LENGTH = 6
_MAX_RANDOM_LENGTH = 400
_MEAN_RANDOM_LENGTH = 60
_MAX_BLOCK_LINES = 12


@dataclass(frozen=True, slots=True)
class Span:
    """The middle: from ``start``, where the cursor stands, to ``end``."""

    start: int
    end: int


def rest_of_line(text: str, offset: int, random: Random) -> Span:
    """Return the rest of a line, the cursor inside it, after its indentation or before it."""
    start, end = _line_with_code(text, offset)
    indented = start + _indentation(text[start:end])
    chance = random.random()
    if chance < 0.15 or indented >= end:
        return Span(start, end)
    if chance < 0.35:
        return Span(indented, end)
    return Span(random.randrange(indented, end), end)


def block(text: str, offset: int, random: Random) -> Span:
    """Return the rest of a line and the lines that belong to it by their indentation.

    Either those indented deeper (a header and its body), or also those indented alike (some
    statements in a row).
    """
    first = rest_of_line(text, offset, random)
    start = line_start(text, first.start)
    depth = _indentation(text[start : first.end])
    least = depth + 1 if random.random() < 0.4 else depth
    limit = random.choice((1, 2, 3, 4, 6, _MAX_BLOCK_LINES))
    end = first.end
    for _ in range(limit):
        next_end = line_end(text, end + 1)
        line = text[end + 1 : next_end]
        if end >= len(text) or (line.strip() and _indentation(line) < least):
            break
        end = next_end
    return Span(first.start, first.start + len(text[first.start : end].rstrip()))


def node(text: str, offset: int, language: str, random: Random) -> Span:
    """Return a whole node of the syntax tree near the offset; a block where there is none."""
    nodes = [
        Span(start, end)
        for start, end in syntax_nodes(text, offset, language)
        if _MIN_NODE_LENGTH <= end - start <= _MAX_NODE_LENGTH
    ]
    return random.choice(nodes) if nodes else block(text, offset, random)


def random_characters(text: str, offset: int, random: Random) -> Span:
    """Return some characters, wherever they start and end: also half a word."""
    length = 1 + int(random.expovariate(1 / _MEAN_RANDOM_LENGTH))
    return Span(offset, min(len(text), offset + min(length, _MAX_RANDOM_LENGTH)))


def with_closing_tail(text: str, span: Span) -> Span:
    """Take in what closes the line after the span, since the prompt leaves it out of SUFFIX."""
    end = line_end(text, span.end)
    return Span(span.start, end) if is_closing_tail(text[span.end : end]) else span


def _line_with_code(text: str, offset: int) -> tuple[int, int]:
    """Return start and end of the first line from here on that is more than closers."""
    start, end = line_start(text, offset), line_end(text, offset)
    while is_closing_tail(text[start:end]) and end < len(text):
        start, end = end + 1, line_end(text, end + 1)
    return start, end


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
