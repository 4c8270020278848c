"""Ends that depend on the cursor's line alone."""

import re

from coder_lsp.documents.document import is_closing_tail
from coder_lsp.postprocess.draft import Cut, Draft
from coder_lsp.postprocess.place import Place

_LAST_LINE_END = re.compile(r"[^\S\n]*\n[^\S\n]*")


def judge_line_end(draft: Draft, place: Place) -> Cut | None:
    """End with the line where the completion may have only one."""
    end = draft.text.find("\n")
    return None if place.is_multiline or end < 0 else Cut(end, end + 1)


def judge_empty(draft: Draft, place: Place) -> Cut | None:
    """Refuse a completion that contains only blanks."""
    del place
    return Cut(0, 0) if draft.has_ended and not draft.text.strip() else None


def judge_blank_tail(draft: Draft, place: Place) -> Cut | None:
    """Drop blanks at the end, unless text of the line follows them.

    A block that was opened on a new line is closed on a new line: before a closing tail, one line
    end and the indentation stay.
    """
    if not draft.has_ended or not is_closing_tail(place.line_suffix):
        return None
    text = draft.text
    end = len(text.rstrip())
    if place.line_suffix.strip() and text.lstrip(" \t").startswith("\n"):
        line_end = _LAST_LINE_END.match(text, end)
        end = end if line_end is None else line_end.end()
    return Cut(end, end) if end < len(text) else None
