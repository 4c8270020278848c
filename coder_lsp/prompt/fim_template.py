"""The FIM template: the one place where a prompt's parts are put in order.

The server, the trainer and the benchmarks all call ``arrange``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder_lsp.models.model_folder import FimTemplate


def arrange(
    template: FimTemplate,
    prefix_ids: Sequence[int],
    suffix_ids: Sequence[int],
    typed_ids: Sequence[int] = (),
    snippet_ids: Sequence[int] = (),
) -> list[int]:
    """Return the prompt's token ids; the model continues ``typed_ids``, the middle's start.

    Order PSM (DeepSeek-Coder-V2, arXiv 2406.11931, section 3.1): BOS if the model has one, snippets
    and prefix around ``fim_begin``, ``fim_hole``, suffix, ``fim_end``, typed.
    """
    head = [*snippet_ids, template.fim_begin]
    if template.snippets == "head_of_prefix":
        head = [template.fim_begin, *snippet_ids]
    return [
        *template.bos_ids,
        *head,
        *prefix_ids,
        template.fim_hole,
        *suffix_ids,
        template.fim_end,
        *typed_ids,
    ]


NUM_TEMPLATE_TOKENS = 4
"""BOS, which some models do not have, and the three FIM tokens: a budget leaves room for them."""
