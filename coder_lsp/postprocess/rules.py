"""The rules in their order, and the two questions asked of them.

A rule only ever shortens a completion at its end, so what is shown is a beginning of what the model
wrote, except that lines end as the document's do: that is changed at the very end, here.

First the text ends where the earliest final judgement said so, as if it had been read character by
character; a generation can therefore be stopped at that moment without changing the result. Then
all rules judge what is left, in order, until none of them shortens it.
"""

from dataclasses import dataclass

from coder_lsp.documents.typed_text import with_newlines
from coder_lsp.postprocess.block import judge_block_end
from coder_lsp.postprocess.brackets import judge_closed_bracket, judge_closing_tail
from coder_lsp.postprocess.chat import judge_chat_answer, judge_control_token, judge_explanation
from coder_lsp.postprocess.draft import Draft, Rule
from coder_lsp.postprocess.ends import judge_blank_tail, judge_empty, judge_line_end
from coder_lsp.postprocess.overlap import (
    judge_repeats_below,
    judge_repeats_rest,
    judge_suffix_begins,
    judge_word_end,
)
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.repetition import judge_echo, judge_inline_loop, judge_line_loop
from coder_lsp.postprocess.rewrites import judge_rewrites_below

RULES = (
    Rule("control_token", judge_control_token),
    Rule("chat_answer", judge_chat_answer),
    Rule("line_end", judge_line_end),
    Rule("closed_bracket", judge_closed_bracket),
    Rule("closing_tail", judge_closing_tail),
    Rule("suffix_begins", judge_suffix_begins),
    Rule("rewrites_below", judge_rewrites_below),
    Rule("block_end", judge_block_end),
    Rule("line_loop", judge_line_loop),
    Rule("inline_loop", judge_inline_loop),
    Rule("repeats_rest", judge_repeats_rest),
    Rule("word_end", judge_word_end),
    Rule("repeats_below", judge_repeats_below),
    Rule("echo", judge_echo),
    Rule("explanation", judge_explanation),
    Rule("empty", judge_empty),
    Rule("blank_tail", judge_blank_tail),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What may be shown; empty when a rule left nothing, and then that rule is named."""

    text: str
    refused_by: str | None


def apply_rules(raw: str, place: Place) -> Outcome:
    """Make of the model's text what is worth showing at a place, or refuse it."""
    text = with_newlines(raw)
    ruling = _earliest_final_ruling(text, place) or _next_ruling(text, place)
    while ruling is not None:
        text = text[: ruling.end]
        if not text.strip():
            return Outcome("", ruling.rule_name)
        ruling = _next_ruling(text, place)
    return Outcome(text.replace("\n", place.newline), None)


def is_settled(raw: str, place: Place) -> bool:
    """Whether nothing that may follow ``raw`` changes what ``apply_rules`` makes of it."""
    return _earliest_final_ruling(with_newlines(raw), place) is not None


@dataclass(frozen=True, slots=True)
class _Ruling:
    rule_name: str
    end: int
    seen: int


def _earliest_final_ruling(text: str, place: Place) -> _Ruling | None:
    draft = Draft(text, has_ended=False)
    rulings = []
    for rule in RULES:
        cut = rule.judge(draft, place)
        if cut is not None:
            rulings.append(_Ruling(rule.name, cut.end, cut.seen))
    return min(rulings, key=lambda ruling: ruling.seen, default=None)


def _next_ruling(text: str, place: Place) -> _Ruling | None:
    draft = Draft(text, has_ended=True)
    for rule in RULES:
        cut = rule.judge(draft, place)
        if cut is not None and (cut.end < len(text) or not text):
            return _Ruling(rule.name, cut.end, cut.seen)
    return None
