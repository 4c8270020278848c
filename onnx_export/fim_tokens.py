"""How families of models mark the parts of a prompt, as names in their tokenizers.

A new family is a new row here; nothing else in the exporter or the server knows a family.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FimTokens:
    """The names of a family's fill-in-the-middle tokens, in the order prefix, suffix, middle.

    ``fim_begin`` stands before the prefix, ``fim_hole`` before the suffix, ``fim_end`` before the
    middle. ``end_of_text`` ends a completion. ``begin_of_text`` starts each prompt; None means that
    the family's prompts start with no such token. Both may be absent from a tokenizer.
    """

    fim_begin: str
    fim_hole: str
    fim_end: str
    end_of_text: str | None
    begin_of_text: str | None

    @property
    def names(self) -> tuple[str, str, str]:
        """The three tokens that a tokenizer must have."""
        return (self.fim_begin, self.fim_hole, self.fim_end)


FAMILIES = (
    # DeepSeek: U+FF5C and U+2581, not the bar and underscore of ASCII, which are ordinary text.
    FimTokens(
        "<｜fim▁begin｜>",
        "<｜fim▁hole｜>",
        "<｜fim▁end｜>",
        end_of_text="<｜end▁of▁sentence｜>",
        begin_of_text="<｜begin▁of▁sentence｜>",
    ),
    # Qwen2.5-Coder.
    FimTokens(
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
        end_of_text="<|endoftext|>",
        begin_of_text=None,
    ),
)
