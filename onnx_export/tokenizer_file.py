"""What the manifest says about ``tokenizer.json``: fill-in-the-middle ids and the last used id.

The file itself is copied and not interpreted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx_export.config import ModelConfig
from onnx_export.errors import FimMissing, TokenizerError
from onnx_export.fim_tokens import FAMILIES, FimTokens
from onnx_export.json_file import parse_json, read_bytes

TOKENIZER_NAME = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """The content of a ``tokenizer.json``; ``origin`` names its source in messages.

    ``num_text_ids`` is one more than the highest id of ordinary text and of the FIM tokens.
    ``end_of_text`` ends a completion. The config of an instruct model may name the end of a turn
    instead (DeepSeek-Coder v1: ``<|EOT|>``). It is None if the tokenizer has no token of that name.
    """

    origin: str
    content: bytes
    tokens: FimTokens
    fim_begin: int
    fim_hole: int
    fim_end: int
    begin_of_text: int | None
    end_of_text: int | None
    num_text_ids: int

    @classmethod
    def read(cls, path: Path) -> "TokenizerFile":
        """Read a file and look the tokens up by name. Raises ``TokenizerError``."""
        content = read_bytes(path, TokenizerError, "encoding text")
        document = parse_json(content, str(path), TokenizerError)
        return cls.parse(document, content, str(path))

    @classmethod
    def of_document(
        cls, document: dict[str, Any], origin: str, tokens: FimTokens | None
    ) -> "TokenizerFile":
        """Take a document that was built here; ``tokens`` None means: find the family."""
        content = json.dumps(document, ensure_ascii=False).encode()
        return cls.parse(document, content, origin, tokens)

    @classmethod
    def parse(
        cls,
        document: dict[str, Any],
        content: bytes,
        origin: str,
        tokens: FimTokens | None = None,
    ) -> "TokenizerFile":
        """Look the tokens up by name. Raises ``TokenizerError``."""
        vocabulary = _vocabulary(document, origin)
        ids = {**vocabulary, **_added_tokens(document, origin)}
        tokens = tokens or _family(ids, origin)
        fim = (ids[tokens.fim_begin], ids[tokens.fim_hole], ids[tokens.fim_end])
        # Added tokens beyond these belong to chats; a completion never contains them.
        num_text_ids = max(*vocabulary.values(), *fim) + 1
        begin = ids.get(tokens.begin_of_text or "")
        end = ids.get(tokens.end_of_text or "")
        return cls(origin, content, tokens, *fim, begin, end, num_text_ids)

    def bos(self, model: ModelConfig) -> int | None:
        """Return the token that starts each prompt, if the model's family has one."""
        if self.tokens.begin_of_text is None:
            return None
        return self.begin_of_text if model.bos_token_id is None else model.bos_token_id

    def eos(self, model: ModelConfig) -> int:
        """Return the token that ends a completion. Raises ``TokenizerError`` without one."""
        if self.end_of_text is not None:
            return self.end_of_text
        if model.eos_token_id is not None:
            return model.eos_token_id
        raise TokenizerError(
            f"{self.origin} has no token {self.tokens.end_of_text} and the model's configuration "
            "has no eos_token_id, so nothing would end a completion. Add eos_token_id to "
            "config.json."
        )


def _family(ids: Mapping[str, int], origin: str) -> FimTokens:
    for family in FAMILIES:
        if all(name in ids for name in family.names):
            return family
    known = "; ".join(" ".join(family.names) for family in FAMILIES)
    raise FimMissing(
        f"{origin} has no fill-in-the-middle tokens that this exporter knows ({known}). The model "
        "was not trained to fill in the middle with them; choose one that was."
    )


def _vocabulary(document: dict[str, Any], origin: str) -> dict[str, int]:
    model = document.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise TokenizerError(
            f"{origin} should hold a vocabulary under model.vocab as an object. Only byte-pair "
            "tokenizers are supported."
        )
    return vocabulary


def _added_tokens(document: dict[str, Any], origin: str) -> dict[str, int]:
    try:
        return {str(t["content"]): int(t["id"]) for t in document.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError) as exc:
        raise TokenizerError(f"{origin}: its added_tokens are malformed: {exc!r}.") from exc
