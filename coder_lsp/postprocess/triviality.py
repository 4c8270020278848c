"""Completions that say nothing."""

from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rule import Cut, Draft


def judge_empty(draft: Draft, place: Place) -> Cut | None:
    """Refuse what holds nothing but blanks."""
    del place
    return Cut(0, 0) if draft.has_ended and not draft.text.strip() else None
