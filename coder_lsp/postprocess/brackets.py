"""Closers that the suffix has already: editors put them there while the user types."""

from coder_lsp.postprocess.bracket_scan import CLOSERS, Brackets, scan_brackets
from coder_lsp.postprocess.lines import indent_of, lines_of
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Cut, Draft

_END_MARKS = frozenset(";,:>")


def judge_closed_bracket(draft: Draft, place: Place) -> Cut | None:
    """End before the first bracket or quotation mark that the suffix closes.

    A closer belongs to the completion as long as the cursor's line has more open than the suffix
    closes: in ``f(g(‸)`` one ``)`` may be written, in ``f(‸)`` none.
    """
    before = scan_brackets(place.line_prefix, place.line_comment)
    ending = _scan_rest_of_line(place, before.quote)
    completion = scan_brackets(draft.text, place.line_comment, before.quote)
    closers = "".join(place.line_suffix[i] for i in ending.unmatched)
    num_closed = len(closers)
    is_below = not place.line_suffix.strip() and place.lines_below != ()
    if is_below:
        closers, num_closed = _closers_below(place)
    num_due = max(len(before.unclosed) - num_closed, 0)
    surplus = [i for i in completion.unmatched[num_due:] if draft.text[i] == closers[:1]]
    if is_below:
        surplus = [i for i in surplus if not _closes_inner_block(i, draft, place)]
    cuts = [Cut(i, i + 1) for i in surplus]
    if completion.quote_end is not None and ending.quote_end is not None:
        end = completion.quote_end
        cuts.append(Cut(end, end + len(before.quote)))
    return min(cuts, key=lambda cut: cut.seen, default=None)


def _scan_rest_of_line(place: Place, quote: str) -> Brackets:
    """Scan what stands right of the cursor, which may or may not close the cursor's literal."""
    ending = scan_brackets(place.line_suffix, place.line_comment, quote)
    if ending.quote in {"'", '"'}:
        return scan_brackets(place.line_suffix, place.line_comment)
    return ending


def _closers_below(place: Place) -> tuple[str, int]:
    """Return the closers that start the next line, and how many close the cursor's line."""
    below = place.lines_below[0]
    content = below.strip()
    closers = content[: len(content) - len(content.lstrip(CLOSERS))]
    is_of_this_line = indent_of(below) == indent_of(place.line_prefix)
    return closers, len(closers) if is_of_this_line else 0


def _closes_inner_block(offset: int, draft: Draft, place: Place) -> bool:
    """Whether a closer starts a line that closes a deeper block than the next line does."""
    previous = place.line_above
    for line in lines_of(draft, place):
        if line.start <= offset <= line.end:
            starts_line = line.content.lstrip() == draft.text[offset : line.end]
            is_other = line.indent != indent_of(place.lines_below[0])
            return starts_line and is_other and line.indent < indent_of(previous)
        if not line.is_blank:
            previous = line.content
    return False


def judge_closing_tail(draft: Draft, place: Place) -> Cut | None:
    """End before a mark such as ``;`` or ``:`` that stands right of the cursor."""
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
