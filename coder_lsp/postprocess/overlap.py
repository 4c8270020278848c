"""Text that the document has already: what is right of the cursor, and the lines below."""

import re

from coder_lsp.documents.document import is_closing_tail
from coder_lsp.postprocess.draft import Cut, Draft, Line, lines_of
from coder_lsp.postprocess.place import Place, indent_of

_PROBE_LENGTH = 20
_MIN_PROBE_LENGTH = 8
_MIN_TELLING_LENGTH = 10
_WORD = re.compile(r"\w*")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_QUOTES = str.maketrans("'`", '""')


def judge_suffix_begins(draft: Draft, place: Place) -> Cut | None:
    """End where the suffix begins: the rest of the cursor's line, or the next lines.

    One line is enough if it is long; a short one, such as ``else:`` or ``}``, may well be written
    twice, so the line after it has to agree too.
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
    below = place.lines_below
    if not below:
        return None
    previous: Line | None = None
    for line in lines_of(draft, place):
        if not line.is_whole:
            return None
        if line.is_blank:
            continue
        is_long = len(line.content.strip()) >= _MIN_TELLING_LENGTH
        if is_long and is_same_line(line.content, below[0]):
            return Cut(line.start, line.seen)
        if (
            previous
            and len(below) > 1
            and is_same_line(previous.content, below[0])
            and is_same_line(line.content, below[1])
        ):
            return Cut(previous.start, line.seen)
        previous = line
    return None


def judge_repeats_below(draft: Draft, place: Place) -> Cut | None:
    """Cut the last lines where they are the next lines of the document."""
    if not draft.has_ended or not place.lines_below:
        return None
    lines = [line for line in lines_of(draft, place) if not line.is_blank]
    below = place.lines_below
    for num_lines in range(min(len(lines), len(below)), 0, -1):
        last = lines[-num_lines:]
        if all(is_same_line(line.content, below[i]) for i, line in enumerate(last)):
            return Cut(last[0].start, last[0].start)
    return None


def judge_repeats_rest(draft: Draft, place: Place) -> Cut | None:
    """Cut the end where it is the rest of the line, and not the end of a longer word."""
    rest = place.line_suffix.strip()
    if not draft.has_ended or is_closing_tail(rest):
        return None
    content = draft.text.rstrip()
    end = len(content) - len(rest)
    if not content.endswith(rest) or _joins_word(content, end):
        return None
    return Cut(_before_rest(content, end, place), len(content))


def judge_word_end(draft: Draft, place: Place) -> Cut | None:
    """End before the word that is right of the cursor, where the completion writes it too.

    Inside a word, a completion that begins with the word's end, or that completes the word itself,
    would write that end twice.
    """
    end = _word_at(place.line_suffix, 0)
    first = _word_at(draft.text, 0)
    if not end or (len(first) == len(draft.text) and not draft.has_ended):
        return None
    seen = len(first) + 1
    if first and _is_word(place.line_prefix[-1:]):
        if first.endswith(end):
            return Cut(len(first) - len(end), seen)
        return Cut(0, seen) if first.startswith(end) else None
    content = draft.text.rstrip()
    start = len(content) - len(end)
    if not draft.has_ended or not _is_word(content[-1:]):
        return None
    if content.endswith(end) and not _joins_word(content, start):
        return Cut(start, len(content))
    return Cut(0, seen) if first == end else None


def is_same_line(line: str, other: str) -> bool:
    """Whether two lines say the same, at the same indentation."""
    return indent_of(line) == indent_of(other) and tokens_of(line) == tokens_of(other)


def tokens_of(line: str) -> list[str]:
    """Return the words and marks of a line; quotation marks are alike, end marks are left out."""
    return _TOKEN.findall(line.translate(_QUOTES).rstrip().rstrip(";,"))


def _word_at(text: str, offset: int) -> str:
    word = _WORD.match(text, offset)
    return word[0] if word else ""


def _joins_word(text: str, offset: int) -> bool:
    """Whether a word reaches over ``offset``."""
    return 0 < offset < len(text) and _is_word(text[offset - 1]) and _is_word(text[offset])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
