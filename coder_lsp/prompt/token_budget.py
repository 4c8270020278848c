"""How many tokens each part of a prompt may take."""

from __future__ import annotations

from dataclasses import dataclass

from coder_lsp.prompt.fim_template import NUM_TEMPLATE_TOKENS

PREFIX_SHARE = 0.75
"""Of what prefix and suffix share. What comes before the cursor tells more of what comes next."""
TYPED_SHARE = 0.1
MAX_TYPED = 128


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """Numbers of tokens; together with the template's they leave room for the completion."""

    snippets: int
    prefix: int
    suffix: int
    typed: int

    @classmethod
    def share(cls, context_tokens: int, max_new_tokens: int, snippets: int = 0) -> TokenBudget:
        """Divide what ``context_tokens`` leaves for the prompt; ``snippets`` is granted first."""
        room = max(context_tokens - max_new_tokens - NUM_TEMPLATE_TOKENS, 16)
        typed = min(MAX_TYPED, int(room * TYPED_SHARE))
        document = room - typed - snippets
        prefix = int(document * PREFIX_SHARE)
        return cls(snippets, prefix, document - prefix, typed)
