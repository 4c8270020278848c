"""The prompts of a case in every order that is compared.

All see the same window: the one that the product's anchor chose, so that they differ in nothing but
the order of its parts and the healing.

``anchored``           the product's prompt, the anchor kept however much was typed since; healed
``anchored_unhealed``  the same, the typed text encoded to its end
``product``            as the product would have it: a new anchor once TYPED exceeds its budget
``psm``                naive: PREFIX is everything before the cursor, tokenised whole
``psm_healed``         the same, the end of PREFIX taken back as the product takes back TYPED's
``spm``, ``spm_healed``  the suffix first, otherwise as the two above
"""

from dataclasses import replace
from typing import Literal

from bench.order.cases import Case
from bench.unanchored import unanchored_prompt
from coder_lsp.backends.document_anchors import Anchored, DocumentAnchors
from coder_lsp.models.model_folder import FimTemplate
from coder_lsp.prompt.anchor import MAX_TYPED
from coder_lsp.prompt.build import Prompt, build_prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget

Order = Literal[
    "anchored", "anchored_unhealed", "product", "psm", "psm_healed", "spm", "spm_healed"
]
DISTANCE_ORDERS: tuple[Order, ...] = (
    "anchored", "product", "psm", "psm_healed", "spm", "spm_healed",
)  # fmt: skip
HEALING_ORDERS: tuple[Order, ...] = ("anchored", "anchored_unhealed", "psm", "psm_healed")
SUFFIX_FIRST = frozenset[Order](("spm", "spm_healed"))

_ANCHORED = frozenset[Order](("anchored", "anchored_unhealed", "product"))
_UNHEALED = frozenset[Order](("anchored_unhealed", "psm", "spm"))


class PromptMaker:
    """Makes the prompts of one model."""

    def __init__(self, encoder: LineEncoder, template: FimTemplate, budget: TokenBudget) -> None:
        self._encoder = encoder
        self._template = template
        self._budget = budget

    def make(self, case: Case, order: Order) -> Prompt:
        """Return the prompt of a case in an order."""
        is_healing = order not in _UNHEALED
        budget = self._budget if order == "product" else replace(self._budget, typed=MAX_TYPED)
        anchored = self._anchored(case, budget)
        anchor, encoder, template = anchored.anchor, self._encoder, self._template
        if order in _ANCHORED:
            return build_prompt(anchor, anchored.typed, encoder, template, is_healing=is_healing)
        return unanchored_prompt(
            "psm" if order.startswith("psm") else "spm",
            case.text[anchor.start : case.cursor],
            anchor.suffix_ids,
            encoder,
            template,
            is_healing=is_healing,
        )

    def _anchored(self, case: Case, budget: TokenBudget) -> Anchored:
        """Ask at the anchor, type on, ask again: the second anchor is the case's."""
        anchors = DocumentAnchors(case.problem)
        anchors.choose(case.document(case.anchor), self._encoder, budget)
        return anchors.choose(case.document(case.cursor), self._encoder, budget)
