"""What the manifest says of ``tokenizer.json``: fill-in-the-middle ids and the last used id.

The file itself is copied, not interpreted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx_export.config import ModelConfig
from onnx_export.errors import TokenizerError
from onnx_export.json_file import read_json

TOKENIZER_NAME = "tokenizer.json"

# U+FF5C and U+2581, not the bar and underscore of ASCII, which would be ordinary text.
FIM_BEGIN = "<｜fim▁begin｜>"
FIM_HOLE = "<｜fim▁hole｜>"
FIM_END = "<｜fim▁end｜>"
END_OF_TEXT = "<｜end▁of▁sentence｜>"


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """``num_text_ids`` is one more than the highest id of ordinary text and of the FIM tokens.

    ``end_of_text`` ends a completion. The config of an instruct model may name the end of a turn in
    its place (DeepSeek-Coder v1: ``<|EOT|>``). None where the tokenizer has no token of that name.
    """

    path: Path
    fim_begin: int
    fim_hole: int
    fim_end: int
    end_of_text: int | None
    num_text_ids: int

    @classmethod
    def read(cls, path: Path) -> "TokenizerFile":
        """Look the tokens up by name. Raises ``TokenizerError``."""
        document = read_json(path, TokenizerError, "encoding text")
        vocabulary = _vocabulary(document, path)
        named = {**vocabulary, **_added_tokens(document, path)}
        missing = [name for name in (FIM_BEGIN, FIM_HOLE, FIM_END) if name not in named]
        if missing:
            raise TokenizerError(
                f"{path} has no token {' or '.join(missing)}. The model was not trained to fill "
                "in the middle with DeepSeek's tokens; choose one that was."
            )
        fim = (named[FIM_BEGIN], named[FIM_HOLE], named[FIM_END])
        # Added tokens beyond these belong to chats; a completion never contains them.
        num_text_ids = max(*vocabulary.values(), *fim) + 1
        return cls(path, *fim, named.get(END_OF_TEXT), num_text_ids)

    def eos(self, model: ModelConfig) -> int:
        """Return the token that ends a completion."""
        return model.eos_token_id if self.end_of_text is None else self.end_of_text


def _vocabulary(document: dict[str, Any], path: Path) -> dict[str, int]:
    model = document.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise TokenizerError(
            f"{path} should hold a vocabulary under model.vocab as an object. Only byte-pair "
            "tokenizers are supported."
        )
    return vocabulary


def _added_tokens(document: dict[str, Any], path: Path) -> dict[str, int]:
    try:
        return {str(t["content"]): int(t["id"]) for t in document.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError) as exc:
        raise TokenizerError(f"{path}: its added_tokens are malformed: {exc!r}.") from exc
