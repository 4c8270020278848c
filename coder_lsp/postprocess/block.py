"""Keeping to the block that the cursor is in, by indentation alone, in any language."""

import re
from dataclasses import dataclass

from coder_lsp.postprocess.lines import Line, indent_of, lines_of
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Cut, Draft

_WHOLE_WORD = re.compile(r"\s*+\w*+\W")
_CLOSES = re.compile(r"\s*(?:[)\]}]|</|end\b)")
_GOES_ON = re.compile(r"\s*(?:elif|else|elsif|elseif|except|finally|rescue|ensure|catch)\b")
_OPENS = re.compile(r".*(?:[{(\[:]|\bdo|\bthen)\s*")


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines indented less than ``limit`` are not in the block.

    ``is_opened``: the cursor's line opens it, so that the completion may also close it, by a line
    that is indented as the cursor's.
    """

    limit: int
    is_opened: bool


def judge_block_end(draft: Draft, place: Place) -> Cut | None:
    """Stop at a line that is indented less than the block the cursor is in.

    A line that closes what the cursor's line opened (``}``, ``end``) stays unless the suffix has
    it, and ends the completion; one that goes on (``} else {``, ``else:``) does not end it. At the
    top level, where nothing is indented less, a blank line ends the block.
    """
    block: _Block | None = None
    has_content = follows_blank = False
    for line in lines_of(draft, place):
        if line.is_blank:
            follows_blank = True
            continue
        continues_line = line.start == 0 and place.line_prefix.strip() != ""
        if not continues_line:
            block = block or _find_block(line, place)
            is_apart = has_content and follows_blank
            if is_apart and line.indent == block.limit == 0:
                return _cut_before(line)
            if line.indent < block.limit:
                if not block.is_opened or line.indent < block.limit - 1:
                    return _cut_before(line)
                if not _is_telling(line):
                    return None
                if not _goes_on(line):
                    return _close_block(line, place)
        has_content = has_content or draft.text[line.start : line.end].strip() != ""
        follows_blank = False
    return None


def _find_block(first: Line, place: Place) -> _Block:
    """Find the block from the completion's first line of its own."""
    if place.line_prefix.strip():
        indent = indent_of(place.line_prefix)
        opens = first.indent > indent
        return _Block(indent + 1 if opens else indent, opens)
    is_at_cursor = first.start == 0 or not place.line_prefix
    return _Block(first.indent if is_at_cursor else indent_of(place.line_prefix), is_opened=False)


def _is_telling(line: Line) -> bool:
    """Whether enough is known: the first word, or all of a line that starts with a closer."""
    if line.is_whole or _CLOSES.match(line.content):
        return line.is_whole
    return _WHOLE_WORD.match(line.content) is not None


def _goes_on(line: Line) -> bool:
    reopens = _CLOSES.match(line.content) and _OPENS.fullmatch(line.content)
    return bool(_GOES_ON.match(line.content) or reopens)


def _close_block(line: Line, place: Place) -> Cut:
    if not _CLOSES.match(line.content):
        word = _WHOLE_WORD.match(line.content)
        return Cut(line.start, line.seen if word is None else line.start + word.end())
    is_kept = not _is_below(line, place)
    return Cut(line.end if is_kept else line.start, line.seen)


def _cut_before(line: Line) -> Cut:
    num_blanks = len(line.content) - len(line.content.lstrip())
    return Cut(line.start, line.start + num_blanks + 1)


def _is_below(line: Line, place: Place) -> bool:
    """Whether the next line of the document closes the same block."""
    below = place.lines_below[0] if place.lines_below else ""
    return _CLOSES.match(below) is not None and indent_of(below) == line.indent
