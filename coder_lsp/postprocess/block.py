"""Keeping to the block that the cursor is in, by indentation alone, in any language."""

import re
from dataclasses import dataclass

from coder_lsp.postprocess.draft import Cut, Draft, Line, lines_of
from coder_lsp.postprocess.place import Place, indent_of

_WHOLE_WORD = re.compile(r"\s*+\w*+\W")
_CLOSES = re.compile(r"\s*(?:[)\]}]|</|end\b(?!\s*[=(.:\[]))")
_MAY_CLOSE = re.compile(r"\s*(?:[)\]}].*|<(?:/.*)?|e(?:n(?:d(?:\W.*)?)?)?)")
_CONTINUES = re.compile(r"\s*(?:elif|else|elsif|elseif|except|finally|rescue|ensure|catch)\b")
_OPENS = re.compile(r".*(?:[{(\[:]|\bdo|\bthen)\s*")


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines indented less than ``limit`` are not in the block.

    ``is_opened``: the cursor's line opens it, so that the completion may also close it, by a line
    that is indented as the cursor's. ``closer``: the last line of the completion that closed a
    block, after which only further closers may follow.
    """

    limit: int
    is_opened: bool
    closer: Line | None = None

    def contains(self, line: Line) -> bool:
        """Whether a line is in the block."""
        return self.closer is None and line.indent >= self.limit

    def is_own(self, line: Line) -> bool:
        """Whether a line is indented as the cursor's line, which opened the block."""
        return self.closer is None and self.is_opened and line.indent >= self.limit - 1

    def cut_before(self, line: Line, seen: int) -> Cut:
        """Cut before a line, of which the first ``seen`` characters had to be read."""
        return Cut(line.start if self.closer is None else self.closer.end, line.start + seen)


def judge_block_end(draft: Draft, place: Place) -> Cut | None:
    """Stop at a line that is indented less than the block that the cursor is in.

    A line that closes a block (``}``, ``end``) stays unless the document closes that block below;
    such lines end the completion. A line that continues what the cursor's line opened
    (``} else {``, ``else:``) does not end it. At the top level, where nothing is indented less, a
    blank line ends the block.
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
            if has_content and follows_blank and line.indent == block.limit == 0:
                return block.cut_before(line, _num_blanks(line) + 1)
            if not block.contains(line):
                verdict = _judge_dedent(line, block, place)
                if not isinstance(verdict, _Block):
                    return verdict
                block = verdict
        has_content = has_content or draft.text[line.start : line.end].strip() != ""
        follows_blank = False
    closer = None if block is None else block.closer
    return Cut(closer.end, closer.seen) if closer and draft.has_ended else None


def _find_block(first: Line, place: Place) -> _Block:
    """Find the block from the completion's first line of its own."""
    if place.line_prefix.strip():
        indent = indent_of(place.line_prefix)
        opens = first.indent > indent
        return _Block(indent + 1 if opens else indent, opens)
    is_at_cursor = first.start == 0 or not place.line_prefix
    return _Block(first.indent if is_at_cursor else indent_of(place.line_prefix), is_opened=False)


def _judge_dedent(line: Line, block: _Block, place: Place) -> _Block | Cut | None:
    """Judge a line outside of the block: a cut, or the block as it is after that line.

    None if the line is not known well enough yet.
    """
    limit = block.limit if block.closer is None else block.closer.indent
    is_own = block.is_own(line)
    if line.indent >= limit or (block.is_opened and block.closer is None and not is_own):
        return block.cut_before(line, _num_blanks(line) + 1)
    if is_own and not _is_telling(line):
        return None
    if is_own and _CONTINUES.match(line.content):
        return block
    if not _MAY_CLOSE.fullmatch(line.content):
        return block.cut_before(line, _num_read(line, is_own=is_own))
    return _judge_closer(line, block, limit, place) if line.is_whole else None


def _judge_closer(line: Line, block: _Block, limit: int, place: Place) -> _Block | Cut:
    """Judge a whole line that may close the block with this limit."""
    if not _CLOSES.match(line.content) or _is_closed_below(line, limit, place):
        return block.cut_before(line, len(line.content) + 1)
    if _OPENS.fullmatch(line.content):
        return block
    if line.indent == 0 or not _may_be_open(line.indent, place):
        return Cut(line.end, line.seen)
    return _Block(limit, block.is_opened, line)


def _is_telling(line: Line) -> bool:
    """Whether enough is known: the first word, or all of a line that starts with a closer."""
    if line.is_whole or _CLOSES.match(line.content):
        return line.is_whole
    return _WHOLE_WORD.match(line.content) is not None


def _num_read(line: Line, *, is_own: bool) -> int:
    """Return how much of a line shows that it closes nothing, and continues nothing either."""
    content = line.content
    if is_own:
        word = _WHOLE_WORD.match(content)
        return len(content) + 1 if word is None else word.end()
    lengths = range(_num_blanks(line) + 1, len(content))
    return next((n for n in lengths if not _MAY_CLOSE.fullmatch(content[:n])), len(content))


def _num_blanks(line: Line) -> int:
    return len(line.content) - len(line.content.lstrip())


def _is_closed_below(line: Line, limit: int, place: Place) -> bool:
    """Whether the document closes the block that ``line`` closes, or one inside of it.

    The first line below that is indented less than the block decides. A document that cannot be
    seen to its end is taken to close it.
    """
    below = _first_below(limit, place)
    if below is None:
        return not place.reaches_end
    return _CLOSES.match(below) is not None and indent_of(below) >= line.indent


def _may_be_open(limit: int, place: Place) -> bool:
    """Whether a block around one at this indentation may lack its closer."""
    below = _first_below(limit, place)
    return place.reaches_end if below is None else _CLOSES.match(below) is None


def _first_below(limit: int, place: Place) -> str | None:
    return next((line for line in place.code_below if indent_of(line) < limit), None)
