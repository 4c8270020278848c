"""Closers that the document has already: editors put them there while the user types.

Two things are known for certain: which closers are right of the cursor or below it, and which
closers the completion contains without their openers. What the cursor's line means up to the
cursor is not certain: a quotation mark may be an apostrophe, and a comment mark part of a word. So
every plausible reading of that part is tried, and the completion may write a closer of its own only
where all of them need it.
"""

from dataclasses import dataclass

from coder_lsp.postprocess.draft import Cut, Draft, lines_of
from coder_lsp.postprocess.literals import CLOSERS, LONG_MARKS, Reading, find_mark, read_text
from coder_lsp.postprocess.place import Place, indent_of

_END_MARKS = frozenset(";,:>")
_MAX_READINGS = 3


@dataclass(frozen=True, slots=True)
class _Ending:
    """What closes the cursor's line. ``mark``: a literal ends before any bracket does.

    ``closers``: the closers right of the cursor, or at the start of a line below. ``num_due``: how
    many closers the completion may write before them. ``line_below``: the line that they start.
    ``line_comment``: what starts a comment in the completion, None where it is inside of something.
    """

    mark: str
    closers: str
    num_due: int
    line_below: str | None
    line_comment: str | None


def judge_closed_bracket(draft: Draft, place: Place) -> Cut | None:
    """End before the first bracket or quotation mark that the document closes already.

    A closer belongs to the completion as long as the cursor's line has more open than what follows
    closes: in ``f(g(‸)`` one ``)`` may be written, in ``f(‸)`` none.
    """
    ending = _find_ending(place)
    if ending is None:
        return None
    if ending.mark:
        found = find_mark(draft.text, ending.mark, has_ended=draft.has_ended)
        return None if found is None else Cut(*found)
    completion = read_text(
        draft.text,
        ending.line_comment,
        before=place.line_prefix[-1:],
        has_ended=draft.has_ended,
    )
    for offset, seen in completion.unmatched[ending.num_due :]:
        if draft.text[offset] == ending.closers[0] and not (
            ending.line_below is not None
            and _closes_inner_block(offset, ending.line_below, draft, place)
        ):
            return Cut(offset, seen)
    return None


def _find_ending(place: Place) -> _Ending | None:
    """Find what closes the cursor's line; None where nothing does."""
    before = read_text(place.line_prefix, place.line_comment)
    marks = [mark for _, mark in before.open_marks]
    is_inside = bool(marks) or before.comment is not None
    line_comment = None if is_inside else place.line_comment
    for mark in reversed([*_marks_above(place), *marks]):
        if _is_closed_right(place.line_suffix, mark):
            return _Ending(mark, "", 0, None, None)
    right = read_text(place.line_suffix, line_comment)
    closers = "".join(place.line_suffix[i] for i, _ in right.unmatched)
    if closers:
        return _Ending("", closers, _num_due(before, closers, place), None, line_comment)
    is_prose = before.comment is not None or any(mark != "'" for mark in marks)
    below = None if place.line_suffix.strip() or is_prose else _closing_line_below(place)
    if below is None:
        return None
    content = below.strip()
    closers = content[: len(content) - len(content.lstrip(CLOSERS))]
    is_of_this_line = indent_of(below) == indent_of(place.line_prefix)
    num_due = _num_due(before, closers if is_of_this_line else "", place)
    return _Ending("", closers, num_due, below, line_comment)


def _marks_above(place: Place) -> list[str]:
    """Return the marks of literals over several lines that may have been opened above."""
    above = "\n".join(place.lines_above)
    return [mark for mark in LONG_MARKS if above.count(mark) % 2 == 1]


def _is_closed_right(line_suffix: str, mark: str) -> bool:
    """Whether the rest of the line ends a literal of this mark, before it closes a bracket."""
    ends = []
    offset = 0
    while (found := find_mark(line_suffix[offset:], mark)) is not None:
        ends.append(offset + found[0])
        offset += found[0] + len(mark)
    if len(ends) % 2 == 0:
        return False
    return not read_text(line_suffix[: ends[0]]).unmatched


def _num_due(before: Reading, closers: str, place: Place) -> int:
    """Return how many closers all readings of the line up to the cursor need beyond ``closers``."""
    prefix = place.line_prefix
    readings = [before]
    starts = [offset + len(mark) for offset, mark in before.open_marks[-_MAX_READINGS:]]
    if before.comment is not None:
        starts.append(before.comment)
    if starts:
        readings.append(read_text(prefix, has_literals=False))
    readings += [read_text(prefix[start:]) for start in starts]
    return min(_num_missing(reading.unclosed, closers) for reading in readings)


def _num_missing(unclosed: str, closers: str) -> int:
    """Return how many of ``unclosed``, the innermost first, come before those of ``closers``."""
    for number in range(max(len(unclosed) - len(closers), 0), 0, -1):
        if unclosed[number:].startswith(closers):
            return number
    return 0


def _closing_line_below(place: Place) -> str | None:
    """Return the next line, or the first one indented less than the cursor, if it closes.

    Comments in between do not count.
    """
    below = place.code_below
    if below and below[0].lstrip()[0] in CLOSERS:
        return below[0]
    indent = indent_of(place.line_prefix)
    dedented = next((line for line in below if indent_of(line) < indent), "")
    return dedented if dedented.lstrip()[:1] in (*CLOSERS,) else None


def _closes_inner_block(offset: int, line_below: str, draft: Draft, place: Place) -> bool:
    """Whether a closer starts a line that closes a deeper block than ``line_below`` does."""
    previous = place.line_above
    for line in lines_of(draft, place):
        if line.start <= offset <= line.end:
            starts_line = line.content.lstrip() == draft.text[offset : line.end]
            is_deeper = line.indent > indent_of(line_below)
            return starts_line and is_deeper and line.indent < indent_of(previous)
        if not line.is_blank:
            previous = line.content
    return False


def judge_closing_tail(draft: Draft, place: Place) -> Cut | None:
    """End before a mark such as ``;`` or ``:`` that is right of the cursor."""
    tail = place.line_suffix.strip()
    if not tail or not _END_MARKS.issuperset(tail):
        return None
    line_end = draft.text.find("\n")
    if line_end < 0 and not draft.has_ended:
        return None
    first_line = draft.text if line_end < 0 else draft.text[:line_end]
    content = first_line.rstrip()
    if content.endswith(tail):
        return Cut(len(content) - len(tail), line_end + 1)
    content = draft.text.rstrip()
    if draft.has_ended and content.endswith(tail):
        return Cut(len(content) - len(tail), len(content))
    return None
