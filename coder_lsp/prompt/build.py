"""From a document with a cursor to the token ids of a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.prompt.anchor import Anchor, place_anchor
from coder_lsp.prompt.fim_template import arrange
from coder_lsp.prompt.healing import healing_start

if TYPE_CHECKING:
    from coder_lsp.document import DocumentSnapshot
    from coder_lsp.model_folder import FimTemplate
    from coder_lsp.prompt.line_encoder import LineEncoder
    from coder_lsp.prompt.token_budget import TokenBudget


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens to give to the model, and the anchor to hand back with the next keystroke.

    ``healed`` is the end of the typed text that is not among the tokens: the generated text has to
    begin with it.
    """

    token_ids: tuple[int, ...]
    healed: str
    anchor: Anchor


def build_prompt(
    snapshot: DocumentSnapshot,
    encoder: LineEncoder,
    template: FimTemplate,
    budget: TokenBudget,
    previous: Anchor | None = None,
    *,
    is_healing: bool = True,
) -> Prompt:
    """Build the anchored prompt; ``previous`` is kept as long as it fits and TYPED is short."""
    anchor = previous
    typed = None if anchor is None else anchor.typed(snapshot)
    if anchor is None or typed is None or len(encoder.encode(typed)) > budget.typed:
        anchor = place_anchor(snapshot, encoder, budget, previous)
        typed = snapshot.text[anchor.offset : snapshot.offset]
    start = healing_start(typed) if is_healing else len(typed)
    typed_ids = encoder.encode(typed[:start])
    token_ids = arrange(template, anchor.prefix_ids, anchor.suffix_ids, typed_ids)
    return Prompt(tuple(token_ids), typed[start:], anchor)
