"""Loops that a model falls into, and echoes of what stands above the cursor."""

import re

from coder_lsp.postprocess.draft import Cut, Draft, lines_of
from coder_lsp.postprocess.place import Place

_NUM_COPIES = 3
_MAX_PERIOD_LINES = 6
_MIN_ECHO_LENGTH = 5

_MAX_PERIOD = 40
_MIN_LOOP_LENGTH = 30
_LONG_PERIOD = 10
_MAX_RULE_LENGTH = 100
_HINT_OF_LOOP = re.compile(r"(.{2,40}?)\1{3}")


def judge_line_loop(draft: Draft, place: Place) -> Cut | None:
    """Keep the first copy where a line, or a few lines, come three times running."""
    contents: list[str] = []
    starts: list[int] = []
    for line in lines_of(draft, place):
        if not line.is_whole:
            return None
        if line.is_blank:
            continue
        contents.append(line.content.rstrip())
        starts.append(line.start)
        period = _period_of_last_lines(contents)
        if period is not None:
            return Cut(starts[-2 * period], line.seen)
    return None


def _period_of_last_lines(contents: list[str]) -> int | None:
    for period in range(1, min(_MAX_PERIOD_LINES, len(contents) // _NUM_COPIES) + 1):
        last = contents[-_NUM_COPIES * period :]
        if last[period:] == last[:-period]:
            return period
    return None


def judge_inline_loop(draft: Draft, place: Place) -> Cut | None:
    """Drop a line in which a few characters come again and again, and all that follows it."""
    del place
    start = 0
    for piece in draft.text.split("\n"):
        content = piece.lstrip(" \t")
        loop_end = _find_loop_end(content)
        if loop_end is not None:
            return Cut(start, start + len(piece) - len(content) + loop_end)
        start += len(piece) + 1
    return None


def _find_loop_end(content: str) -> int | None:
    """Return where a line is first known to loop; the expression says cheaply that it does not."""
    if _HINT_OF_LOOP.search(content) is None:
        return None
    ends = range(_MIN_LOOP_LENGTH, len(content) + 1)
    return next((end for end in ends if _loops(content, end)), None)


def _loops(content: str, end: int) -> bool:
    """Whether ``content[:end]`` ends in a loop.

    A period of 10 characters and more counts from four copies on, a shorter one from six copies
    and 30 characters on; one character alone draws a ruler, and may do so for 100 columns.
    """
    for period in range(2, min(_MAX_PERIOD, end // 4) + 1):
        length = 4 * period
        if period < _LONG_PERIOD:
            length = max(6 * period, _MIN_LOOP_LENGTH)
        start = end - length
        if start >= 0 and content[start + period : end] == content[start : end - period]:
            is_ruler = content.count(content[start], start, end) == length
            if not is_ruler:
                return True
    start = end - _MAX_RULE_LENGTH
    return start >= 0 and content.count(content[start], start, end) == _MAX_RULE_LENGTH


def judge_echo(draft: Draft, place: Place) -> Cut | None:
    """Refuse what only writes the line above once more."""
    above = place.line_above
    for line in lines_of(draft, place):
        if not line.is_whole:
            return None
        if line.start == 0 and draft.text[: line.end].strip() == "":
            above = above if line.is_blank else line.content
            continue
        if line.is_blank:
            continue
        content = line.content.rstrip()
        is_echo = content == above.rstrip() and len(content.strip()) >= _MIN_ECHO_LENGTH
        return Cut(0, line.seen) if is_echo else None
    return None
