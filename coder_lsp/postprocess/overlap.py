"""Text that the suffix has already: what is right of the cursor, and the lines below."""

from coder_lsp.documents.document import is_closing_tail
from coder_lsp.postprocess.lines import Line, lines_of
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Cut, Draft

_PROBE_LENGTH = 20
_MIN_PROBE_LENGTH = 8
_MIN_TELLING_LENGTH = 10


def judge_suffix_begins(draft: Draft, place: Place) -> Cut | None:
    """End where the suffix begins: the rest of the cursor's line, or the next lines.

    One line is enough when it is telling; a short one, such as ``else:`` or ``}``, may well be
    written twice and needs the line after it as a witness.
    """
    cuts = [cut for cut in (_find_rest(draft, place), _find_next_lines(draft, place)) if cut]
    return min(cuts, key=lambda cut: cut.seen, default=None)


def _find_rest(draft: Draft, place: Place) -> Cut | None:
    rest = place.line_suffix.strip()
    if is_closing_tail(rest) or len(rest) < _MIN_PROBE_LENGTH:
        return None
    probe = rest[:_PROBE_LENGTH]
    start = draft.text.find(probe)
    return None if start < 0 else Cut(_before_rest(draft.text, start, place), start + len(probe))


def _before_rest(text: str, start: int, place: Place) -> int:
    """Leave out the blanks before ``start`` where the rest of the line brings its own."""
    brings_blanks = place.line_suffix[:1].isspace()
    return len(text[:start].rstrip(" \t")) if brings_blanks else start


def _find_next_lines(draft: Draft, place: Place) -> Cut | None:
    below = [line.rstrip() for line in place.lines_below[:2]]
    if not below:
        return None
    previous: Line | None = None
    for line in lines_of(draft, place):
        if not line.is_whole:
            return None
        if line.is_blank:
            continue
        content = line.content.rstrip()
        if content == below[0] and len(content.strip()) >= _MIN_TELLING_LENGTH:
            return Cut(line.start, line.seen)
        if previous and [previous.content.rstrip(), content] == below:
            return Cut(previous.start, line.seen)
        previous = line
    return None


def judge_repeats_below(draft: Draft, place: Place) -> Cut | None:
    """Cut the last lines where they are the next lines of the document."""
    if not draft.has_ended or not place.lines_below:
        return None
    lines = [line for line in lines_of(draft, place) if not line.is_blank]
    below = [line.rstrip() for line in place.lines_below]
    for num_lines in range(min(len(lines), len(below)), 0, -1):
        last = lines[-num_lines:]
        if [line.content.rstrip() for line in last] == below[:num_lines]:
            return Cut(last[0].start, last[0].start)
    return None


def judge_repeats_rest(draft: Draft, place: Place) -> Cut | None:
    """Cut the end where it is what stands right of the cursor, and not the end of a longer word."""
    rest = place.line_suffix.strip()
    if not draft.has_ended or is_closing_tail(rest):
        return None
    content = draft.text.rstrip()
    end = len(content) - len(rest)
    if not content.endswith(rest) or _joins_word(content, end):
        return None
    return Cut(_before_rest(content, end, place), len(content))


def _joins_word(text: str, offset: int) -> bool:
    """Whether a word reaches over ``offset``."""
    return 0 < offset < len(text) and _is_word(text[offset - 1]) and _is_word(text[offset])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
