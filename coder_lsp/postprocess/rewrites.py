"""Lines below the cursor that the completion writes once more, with a small change."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from coder_lsp.postprocess.draft import Cut, Draft, Line, lines_of
from coder_lsp.postprocess.overlap import tokens_of
from coder_lsp.postprocess.place import Place, indent_of

_INTRODUCES = (
    r"\b(?:for|foreach|each|let|const|var|val|auto|mut|as|lambda)\b[^=;\n]*?\b{name}\b"
    r"|\b{name}\b\s*(?::?=(?!=)|=>|->)|\([^()]*\b{name}\b[^()]*\)\s*[=-]>|\|[^|]*\b{name}\b[^|]*\|"
)
_MIN_TELLING_LENGTH = 10
_MIN_SIMILARITY = 0.7
_MAX_LINES = 12


@dataclass(frozen=True, slots=True)
class _Change:
    """How a line differs from one below. ``renamed``: pairs of words; ``is_small``: otherwise."""

    renamed: frozenset[tuple[str, str]] = frozenset()
    is_small: bool = False


def judge_rewrites_below(draft: Draft, place: Place) -> Cut | None:
    """End where the completion writes the next lines again, with names or little else changed.

    A sibling of the next lines looks similar: another ``case``, another field. So a change counts
    only if the code stays the same: the lines introduce a new name in place of another one, or the
    completion continues with what follows the changed block, word for word.
    """
    below = place.lines_below[:_MAX_LINES]
    lines = [line for line in lines_of(draft, place) if not line.is_blank and line.is_whole]
    cuts = [_find_rewrite(lines[i : i + len(below)], below, place) for i in range(len(lines))]
    return min((cut for cut in cuts if cut), key=lambda cut: cut.seen, default=None)


def _find_rewrite(lines: list[Line], below: tuple[str, ...], place: Place) -> Cut | None:
    """Compare lines with those below, in pairs from the first on."""
    renamed: set[tuple[str, str]] = set()
    is_small = has_block = False
    for number, (line, other) in enumerate(zip(lines, below, strict=False)):
        change = _compare(line.content, other)
        if change is None or line.indent != indent_of(other):
            return None
        renamed |= change.renamed
        is_small = is_small or change.is_small
        has_block = has_block or line.indent > lines[0].indent
        is_changed = bool(change.renamed) or change.is_small
        if number == 0 and not is_changed:
            return None  # the rules of overlap decide about equal lines
        if number == 0 or is_changed:
            if renamed and not is_small and _are_fresh_names(renamed, lines[: number + 1], place):
                return Cut(lines[0].start, line.seen)
            continue
        is_telling = len(line.content.strip()) >= _MIN_TELLING_LENGTH
        if has_block and is_telling and line.indent == lines[0].indent:
            return Cut((lines[0] if is_small else line).start, line.seen)
    return None


def _compare(line: str, other: str) -> _Change | None:
    """Return how two lines differ, None where they say different things."""
    ours, theirs = tokens_of(line), tokens_of(other)
    if ours == theirs:
        return _Change()
    if len(ours) == len(theirs):
        pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        if all(_is_name(word) for pair in pairs for word in pair):
            return _Change(renamed=frozenset(pairs))
        return None
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    replaces = any(operation == "replace" for operation, *_ in matcher.get_opcodes())
    is_similar = matcher.ratio() >= _MIN_SIMILARITY
    return _Change(is_small=True) if is_similar and not replaces else None


def _is_name(word: str) -> bool:
    return word.isidentifier()


def _are_fresh_names(renamed: set[tuple[str, str]], lines: list[Line], place: Place) -> bool:
    """Whether each new name stands for one old name, is used at least twice, and is new here."""
    names, others = {name for name, _ in renamed}, {other for _, other in renamed}
    if not len(names) == len(others) == len(renamed):
        return False
    around = "\n".join((*place.lines_above, *place.lines_below, place.line_prefix))
    return all(
        re.search(rf"\b{name}\b", around) is None and _is_variable(name, lines) for name in names
    )


def _is_variable(name: str, lines: list[Line]) -> bool:
    """Whether the lines introduce a name and use it, as a loop does with its variable."""
    text = "\n".join(line.content for line in lines)
    uses = list(re.finditer(rf"(.?)\b{name}\b", text))
    is_field_or_text = any(use[1] in (*".\"'`",) for use in uses)
    is_introduced = re.search(_INTRODUCES.format(name=name), text) is not None
    return len(uses) > 1 and is_introduced and not is_field_or_text
