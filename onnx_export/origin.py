"""What a source says about its model besides configuration, tokenizer and weights."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from onnx_export.config import ModelConfig
from onnx_export.errors import TokenizerError
from onnx_export.json_file import read_json
from onnx_export.tokenizer_file import TokenizerFile

UNKNOWN = "unknown"

_INSTRUCT = re.compile(r"(?i)(?<![a-z])(instruct|chat)(?![a-z])")
_BASE = re.compile(r"(?i)(?<![a-z])base(?![a-z])")


@dataclass(frozen=True, slots=True)
class Origin:
    """``says_instruct`` is None if the names do not say it."""

    name: str
    license: str
    says_instruct: bool | None
    has_chat_template: bool

    def is_instruct(self, model: ModelConfig, tokenizer: TokenizerFile) -> bool:
        """Whether the model was trained to answer in a chat.

        The names decide if they say "Instruct", "Chat" or "Base". If they do not, a model with a
        chat template whose text ends with the end of a turn is one: base models also carry
        templates, but their text ends with the end of text.
        """
        if self.says_instruct is not None:
            return self.says_instruct
        ends_turn = tokenizer.end_of_text not in {None, model.eos_token_id}
        return self.has_chat_template and model.eos_token_id is not None and ends_turn


def has_chat_template(folder: Path) -> bool:
    """Whether a Hugging Face folder holds a chat template, in either of the two places."""
    if (folder / "chat_template.jinja").is_file():
        return True
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return False
    return bool(read_json(path, TokenizerError, "the chat template").get("chat_template"))


def says_instruct(names: Iterable[str]) -> bool | None:
    """Return True if the names say that a model is an instruct one, False if a base one."""
    names = tuple(names)
    if any(_INSTRUCT.search(name) for name in names):
        return True
    return False if any(_BASE.search(name) for name in names) else None
