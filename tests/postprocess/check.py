"""How rules are checked: a text with the cursor, what the model says, and what is left of it."""

from coder_lsp.postprocess.draft import Draft
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import RULES, Outcome, apply_rules, is_settled
from coder_lsp.settings import Multiline
from tests.support.snapshots import snapshot_of


def check_rule(
    name: str,
    text: str,
    model_says: str,
    expected: str,
    multiline: Multiline = "auto",
    language_id: str = "python",
    *,
    is_instruct: bool = False,
) -> None:
    """Check what the named rule alone leaves of a completion that has ended."""
    rule = next(rule for rule in RULES if rule.name == name)
    snapshot = snapshot_of(text, language_id=language_id)
    place = Place.of(snapshot, multiline, is_instruct=is_instruct)
    cut = rule.judge(Draft(model_says, has_ended=True), place)

    assert (model_says if cut is None else model_says[: cut.end]) == expected


def check_shown(
    text: str,
    model_says: str,
    shown: str,
    refused_by: str | None = None,
    multiline: Multiline = "auto",
    language_id: str = "python",
) -> None:
    """Check what all rules make of a completion."""
    snapshot = snapshot_of(text, language_id=language_id)
    outcome = apply_rules(model_says, Place.of(snapshot, multiline))

    assert outcome == Outcome(shown, refused_by)


def check_settled(text: str, read: str, rest: str, multiline: Multiline = "auto") -> None:
    """Check that the result is settled when ``read`` was read, not before, whatever follows."""
    place = Place.of(snapshot_of(text), multiline)

    assert not is_settled(read[:-1], place)
    assert is_settled(read, place)
    assert apply_rules(read, place) == apply_rules(read + rest, place)
    cuts = (rule.judge(Draft(read + rest, has_ended=False), place) for rule in RULES)
    assert min(cut.seen for cut in cuts if cut) == len(read)
