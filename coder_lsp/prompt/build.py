"""From a document with a cursor and its anchor to the token ids of a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.prompt.fim_template import arrange
from coder_lsp.prompt.healing import healing_start

if TYPE_CHECKING:
    from coder_lsp.models.model_folder import FimTemplate
    from coder_lsp.prompt.anchor import Anchor
    from coder_lsp.prompt.line_encoder import LineEncoder


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens to give to the model.

    ``healed`` is the end of the typed text that is not among the tokens: the generated text has to
    begin with it.
    """

    token_ids: tuple[int, ...]
    healed: str


def build_prompt(
    anchor: Anchor,
    typed: str,
    encoder: LineEncoder,
    template: FimTemplate,
    *,
    is_healing: bool = True,
) -> Prompt:
    """Build the prompt of an anchor and what was typed since."""
    start = healing_start(typed) if is_healing else len(typed)
    typed_ids = encoder.encode(typed[:start])
    token_ids = arrange(template, anchor.prefix_ids, anchor.suffix_ids, typed_ids)
    return Prompt(tuple(token_ids), typed[start:])
