"""From the model's raw text to the text that is shown: one way for a new and for a kept answer."""

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import FinishReason
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import Outcome, apply_rules, is_settled
from coder_lsp.settings import Multiline


def shown_text(
    raw: str,
    finish_reason: FinishReason,
    snapshot: DocumentSnapshot,
    multiline: Multiline,
    *,
    is_instruct: bool,
) -> Outcome:
    """Return what is worth showing of ``raw`` at the snapshot's cursor.

    ``is_instruct``: the model that wrote it was trained to chat.
    If a limit ended the text in the middle of its last line, that line is left out.
    """
    place = Place.of(snapshot, multiline, is_instruct=is_instruct)
    outcome = apply_rules(raw, place)
    if finish_reason == "length" and not is_settled(raw, place):
        return Outcome(_whole_lines(outcome.text), outcome.refused_by)
    return outcome


def _whole_lines(text: str) -> str:
    last = max(text.rfind("\n"), text.rfind("\r"))
    return text if last < 0 else text[:last].rstrip()
