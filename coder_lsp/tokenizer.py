"""Text to token ids and back; the only module that knows the tokenizers library.

Only byte-level tokenizers are read: there every token is a fixed string of bytes, so text can be
put together token by token, and a constraint on text is a constraint on bytes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers

from coder_lsp.errors import ModelFolderError


class Tokenizer:
    """A ``tokenizer.json`` with added tokens off: whatever a user writes is just text.

    The added tokens are taken out of the encoder altogether. Switching special tokens off is not
    enough: DeepSeek's FIM tokens are not marked as special, and DeepSeek-Coder v1 lists thirteen
    letters such as ``ü`` among its added tokens.
    """

    def __init__(self, path: Path) -> None:
        document = _read(path)
        self._added = {str(t["content"]): int(t["id"]) for t in document.get("added_tokens") or ()}
        plain = {**document, "added_tokens": []}
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(plain))
        except Exception as exc:  # the library raises plain Exception
            raise _unreadable(path, str(exc)) from exc
        self._names = {i: name for name, i in self._added.items()}
        self._vocab_size = max(self._tokenizer.get_vocab_size() - 1, *self._names, 0) + 1

    @property
    def vocab_size(self) -> int:
        """One more than the highest id, added tokens included."""
        return self._vocab_size

    def encode(self, text: str) -> list[int]:
        """Encode text as the user wrote it; never yields an added token."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Decode to text; bytes that are no whole character become U+FFFD."""
        return b"".join(self.token_bytes(i) for i in token_ids).decode("utf-8", errors="replace")

    def token_id(self, token: str) -> int | None:
        """Return the id of an added token by its name, such as ``<｜fim▁hole｜>``, or None."""
        return self._added.get(token)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes that a token stands for; an added token stands for its name."""
        name = self._names.get(token_id)
        if name is not None:
            return name.encode("utf-8")
        glyphs = self._tokenizer.id_to_token(token_id)
        if glyphs is None:  # a row of the embedding that the tokenizer does not use
            return b""
        return bytes(_BYTE_OF_GLYPH[glyph] for glyph in glyphs)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise _unreadable(path, str(exc)) from exc
    if not isinstance(document, dict):
        raise _unreadable(path, "the file holds no JSON object")
    if (document.get("decoder") or {}).get("type") != "ByteLevel":
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
