"""What a model says in a chat and not in a file: fences, greetings, thoughts, control tokens.

A model that was trained to chat may spell a control token such as ``<|im_end|>`` with ordinary
tokens. What is behind it belongs to no file. A document that contains such text near the cursor,
as a chat template does, is about control tokens, and then they are ordinary text.
"""

import re

from coder_lsp.postprocess.draft import Cut, Draft, lines_of
from coder_lsp.postprocess.literals import LONG_MARKS, read_text
from coder_lsp.postprocess.place import Place

_MARKUP = frozenset(
    ("markdown", "mdx", "quarto", "rmd", "rmarkdown", "pandoc", "vimwiki", "asciidoc", "typst")
)
_PROSE = frozenset(("plaintext", "html", "yaml", "latex", "tex", "restructuredtext"))
_FENCE_LINE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
_FENCE = re.compile(r"^[^\S\n]*```|```(?=[^\S\n]*\n)|```(?=[^\S\n]*\Z)", re.MULTILINE)
_THOUGHT = re.compile(r"</?think(?:ing)?>")
_CONTROL_TOKEN = re.compile(
    r"<[|\uff5c][^\s<>|\uff5c]{1,40}[|\uff5c]>"
    r"|<fim[_-](?:prefix|suffix|middle|pad)>|<(?:start|end)_of_turn>|<\|?(?:EOT|PRE|SUF|MID)>"
    r"|\[/?INST\]|<</?SYS>>"
)
_BEGUN_CONTROL_TOKEN = re.compile(r"<[|\uff5c][^\s<>|\uff5c]{1,40}[|\uff5c]?\Z")
_GREETING = re.compile(
    r"(?:(?:Sure|Certainly|Of course|Absolutely|Okay|OK|Great|Got it)\b[,.!:]"
    r"|(?:Here(?:'s|\u2019s| is| are)|Below (?:is|are)|As an AI|I apologi[sz]e"
    r"|I(?:'m|\u2019m| am) (?:sorry|unable)|I (?:can(?:not|'t|\u2019t)|think|have)|You can"
    r"|To (?:complete|fix|implement|solve)|Based on"
    r"|The (?:following|complete|completed|missing|corrected))[ ,][\w `])"
)
_SENTENCE = re.compile(r"[\w\s,'\u2019`.!:()-]*[.:!]")
_BLOCK_COMMENT_MARK = re.compile(r"(?:^|(?<=\s))(/\*|<!--)|(\*/|-->)", re.MULTILINE)
_NUM_LINES_AROUND = 10


def judge_chat_answer(draft: Draft, place: Place) -> Cut | None:
    """End before a fence, a thought or a greeting, unless the document contains such text."""
    finders = (_find_fence, _find_thought, _find_greeting)
    cuts = [find(draft, place) for find in finders]
    return min((cut for cut in cuts if cut), key=lambda cut: cut.seen, default=None)


def _find_fence(draft: Draft, place: Place) -> Cut | None:
    """Find a Markdown fence outside of Markdown, of comments, and of documents with fences."""
    around = "\n".join((*place.lines_above, *place.lines_below))
    if place.language_id in _MARKUP or _FENCE_LINE.search(around) or _is_in_text(place):
        return None
    for fence in _FENCE.finditer(draft.text):
        starts_line = draft.text[: fence.start() + 1].rpartition("\n")[2].strip() in ("", "`")
        line_end = draft.text.find("\n", fence.end())
        if starts_line:
            return Cut(fence.start(), fence.end())
        if line_end >= 0 or draft.has_ended:
            return Cut(fence.start(), line_end + 1)
    return None


def _find_thought(draft: Draft, place: Place) -> Cut | None:
    thought = _THOUGHT.search(draft.text)
    if thought is None or _THOUGHT.search(place.window):
        return None
    return Cut(thought.start(), thought.end())


def judge_control_token(draft: Draft, place: Place) -> Cut | None:
    """End before a control token that is spelled out, also before the beginning of one."""
    token = _CONTROL_TOKEN.search(draft.text)
    if token is None and draft.has_ended:
        token = _BEGUN_CONTROL_TOKEN.search(draft.text)
    if token is None or _CONTROL_TOKEN.search(place.window):
        return None
    return Cut(token.start(), token.end())


def _find_greeting(draft: Draft, place: Place) -> Cut | None:
    """Find a first line that talks to the user, where code is due."""
    is_in_page = place.line_above.endswith(">") and not place.line_above.endswith("=>")
    is_in_prose = place.language_id in _MARKUP | _PROSE or is_in_page
    if is_in_prose or _is_in_text(place) or place.line_prefix.lstrip().startswith("<"):
        return None
    for line in lines_of(draft, place):
        text = draft.text[line.start : line.end].strip()
        if not text:
            continue
        is_greeting = _GREETING.match(text) and _SENTENCE.fullmatch(text)
        return Cut(0, line.seen) if is_greeting and line.is_whole else None
    return None


def _is_in_text(place: Place) -> bool:
    """Whether the cursor is in a comment or in a literal."""
    prefix = read_text(place.line_prefix, place.line_comment)
    above = "\n".join(place.lines_above)
    is_in_literal = any(above.count(mark) % 2 == 1 for mark in LONG_MARKS)
    is_in_comment = above.rfind("/*") > above.rfind("*/") or above.rfind("<!--") > above.rfind(
        "-->"
    )
    is_comment = prefix.comment is not None or place.line_prefix.lstrip().startswith(("*", "/*"))
    return bool(prefix.open_marks) or is_in_literal or is_in_comment or is_comment


def judge_explanation(draft: Draft, place: Place) -> Cut | None:
    """Cut a comment behind a completion of one line, if an Instruct model added it unasked.

    Unasked is a comment where none of the lines around has one behind its code.
    """
    mark = place.line_comment
    if not place.is_instruct or mark is None or not draft.has_ended or "\n" in draft.text.strip():
        return None
    line = place.line_prefix + draft.text
    comment = read_text(line, mark).comment
    if comment is None or not line[:comment].strip() or comment < len(place.line_prefix):
        return None
    around = (
        *place.lines_above[-_NUM_LINES_AROUND:],
        place.line_suffix,
        *place.lines_below[:_NUM_LINES_AROUND],
    )
    if any(_has_comment_behind(text, mark) for text in around):
        return None
    end = len(line[:comment].rstrip()) - len(place.line_prefix)
    return Cut(max(end, 0), len(draft.text))


def _has_comment_behind(line: str, mark: str) -> bool:
    comment = read_text(line, mark).comment
    return comment is not None and line[:comment].strip() != ""
