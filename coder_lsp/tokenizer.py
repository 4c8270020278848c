"""Text to token ids and back; the only module that knows the tokenizers library.

Only byte-level tokenizers are read: there every token is a fixed string of bytes, so text can be
put together token by token, and a constraint on text is a constraint on bytes.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers

from coder_lsp.errors import FormatError, ModelFolderError
from coder_lsp.json_input import read_json

_CONTROL_NAME = re.compile(r"<.+>|\[.+\]")


class Tokenizer:
    """A ``tokenizer.json`` without added tokens: everything that a user writes is just text.

    To switch special tokens off is not enough: DeepSeek's FIM tokens are not marked as special, and
    DeepSeek-Coder v1 lists thirteen letters such as ``ü`` among its added tokens.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises ``ModelFolderError``."""
        document = _read(path)
        # Qwen2's normalizer composes accents: its tokens would spell another text than the user's.
        plain = {**document, "added_tokens": [], "normalizer": None}
        try:
            added = document.get("added_tokens") or ()
            self._added = {str(token["content"]): int(token["id"]) for token in added}
            self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(plain))
        except Exception as exc:  # the library raises plain Exception
            raise _unreadable(path, f"{type(exc).__name__}: {exc}") from exc
        self._control = {
            str(token["content"]): int(token["id"]) for token in added if _is_control(token)
        }
        self._names = {i: name for name, i in self._added.items()}
        tokens = self._tokenizer.get_vocab().keys() - self._added.keys()
        glyphs = set[str]().union(*tokens)
        if not glyphs <= _BYTE_OF_GLYPH.keys():
            strange = ", ".join(map(repr, sorted(glyphs - _BYTE_OF_GLYPH.keys())[:5]))
            raise _unreadable(path, f"its vocabulary has characters that are no bytes: {strange}")

    def encode(self, text: str) -> list[int]:
        """Encode text as the user wrote it; never yields an added token."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def token_id(self, token: str) -> int | None:
        """Return the id of an added token by its name, such as ``<｜fim▁hole｜>``, or None."""
        return self._added.get(token)

    @property
    def control_tokens(self) -> Mapping[str, int]:
        """The added tokens that steer a model and are no text, by name.

        These are the special tokens, and those that look like it: ``<|im_end|>``, ``<pad>``.
        """
        return self._control

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of a token; those of an added token are its name."""
        name = self._names.get(token_id)
        if name is not None:
            return name.encode("utf-8")
        glyphs = self._tokenizer.id_to_token(token_id)
        if glyphs is None:  # a row of the embedding that the tokenizer does not use
            return b""
        return bytes(_BYTE_OF_GLYPH[glyph] for glyph in glyphs)


def _is_control(token: dict[str, Any]) -> bool:
    name = str(token["content"])
    return bool(token.get("special")) or _CONTROL_NAME.fullmatch(name) is not None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path)
    except (OSError, FormatError) as exc:
        raise _unreadable(path, str(exc)) from exc
    if not isinstance(document, dict):
        raise _unreadable(path, "the file holds no JSON object")
    decoder = document.get("decoder")
    if not isinstance(decoder, dict) or decoder.get("type") != "ByteLevel":
        raise _unreadable(path, "expected a byte-level decoder")
    return document


def _unreadable(path: Path, reason: str) -> ModelFolderError:
    return ModelFolderError(
        f"{path} is not a byte-level tokenizer.json: {reason}. Export or install the model again."
    )


def _glyphs_of_bytes() -> dict[str, int]:
    """Return GPT-2's alphabet: a printable glyph for each byte, so that a vocabulary is text."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    glyphs = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if chr(byte) not in glyphs)
    return glyphs | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTE_OF_GLYPH = _glyphs_of_bytes()
