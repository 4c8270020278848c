"""How much of a document the model sees: whole lines within a number of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder_lsp.documents.document import line_end, line_start

if TYPE_CHECKING:
    from coder_lsp.prompt.line_encoder import LineEncoder

LONGEST_LINE = 2000
"""Code points. A longer line, in minified code for one, is cut rather than encoded whole."""


def window_before(encoder: LineEncoder, text: str, end: int, max_tokens: int) -> int:
    """Return where the window that ends at ``end`` starts.

    At the start of a line; inside the line only where ``end``'s own line has more than
    ``max_tokens`` tokens.
    """
    start, room = end, max_tokens
    while start > 0:
        line = _line_before(text, start)
        room -= len(encoder.encode(text[line:start]))
        if room < 0:
            return start if start < end else _cut_before(encoder, text, end, max_tokens)
        if start - line == LONGEST_LINE:
            return line
        start = line
    return 0


def window_after(encoder: LineEncoder, text: str, start: int, max_tokens: int) -> int:
    """Return where the window from ``start`` on ends: after a line end, or in a long line."""
    end, room = start, max_tokens
    while end < len(text):
        line = _line_after(text, end)
        room -= len(encoder.encode(text[end:line]))
        if room < 0:
            return end if end > start else _cut_after(encoder, text, start, max_tokens)
        if line - end == LONGEST_LINE:
            return line
        end = line
    return len(text)


def _line_before(text: str, end: int) -> int:
    """Return the start of the line that ends, line end included, at ``end``."""
    last = end - 1
    if text[last] == "\n" and last > 0 and text[last - 1] == "\r":
        last -= 1
    return max(line_start(text, last), end - LONGEST_LINE)


def _line_after(text: str, start: int) -> int:
    """Return the end, line end included, of the line that starts at ``start``."""
    end = line_end(text, start)
    end += 2 if text.startswith("\r\n", end) else 1
    return min(end, len(text), start + LONGEST_LINE)


def _cut_before(encoder: LineEncoder, text: str, end: int, max_tokens: int) -> int:
    """Return the start of the longest end of a line that has at most ``max_tokens`` tokens."""
    length = min(max_tokens, end)  # no token is shorter than a code point, save parts of rare ones
    while length and len(encoder.encode(text[end - length : end])) > max_tokens:
        length //= 2
    return end - length


def _cut_after(encoder: LineEncoder, text: str, start: int, max_tokens: int) -> int:
    """Return the end of the longest beginning of a line that has at most ``max_tokens`` tokens."""
    length = min(max_tokens, len(text) - start)
    while length and len(encoder.encode(text[start : start + length])) > max_tokens:
        length //= 2
    return start + length
