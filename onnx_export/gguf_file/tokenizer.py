"""``tokenizer.json`` from a GGUF file's metadata: byte-level BPE, as llama.cpp calls ``gpt2``.

The file names how text is split before merging (``pre``) and does not describe it; the splits that
this exporter knows are in ``pre_tokenizers.json``. No text is normalized: llama.cpp does not do so
either, and what a user typed is then what the tokens spell.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from gguf import TokenType

from onnx_export.errors import ConfigError, TokenizerError
from onnx_export.fim_tokens import FAMILIES, FimTokens
from onnx_export.gguf_file.metadata import Metadata
from onnx_export.json_file import parse_json
from onnx_export.tokenizer_file import TokenizerFile

_HUGGING_FACE = "tokenizer.huggingface.json"
_MODEL = "gpt2"
_ADDED = (TokenType.CONTROL, TokenType.USER_DEFINED)
# The second spelling is that of older files.
_FIM_FIELDS = (
    ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
)


def tokenizer_of(metadata: Metadata) -> TokenizerFile:
    """Return the tokenizer. Raises ``ConfigError`` and ``TokenizerError``."""
    origin = str(metadata.path)
    texts = metadata.texts("tokenizer.ggml.tokens")
    tokens = _fim_tokens(metadata, texts)
    original = metadata.optional(_HUGGING_FACE, str)
    if original is not None:
        document = parse_json(original.encode(), f"{origin}: {_HUGGING_FACE}", TokenizerError)
        file = TokenizerFile.parse(document, original.encode(), origin, tokens)
        _require_same_ids(document, texts, origin)
        return file
    return TokenizerFile.of_document(_document(metadata, texts), origin, tokens)


def _document(metadata: Metadata, texts: list[str]) -> dict[str, Any]:
    model = metadata.find("tokenizer.ggml.model", str)
    if model != _MODEL:
        raise TokenizerError(
            f"{metadata.path}: tokenizer.ggml.model is {model!r}; only byte-level BPE "
            f"({_MODEL!r}) is supported. Choose a model that has it, such as Qwen2.5-Coder, "
            "DeepSeek-Coder or DeepSeek-Coder-V2-Lite."
        )
    vocabulary, added = _sorted_out(texts, metadata)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(metadata),
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": _merges(metadata, vocabulary),
        },
    }


def _pre_tokenizer(metadata: Metadata) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(
        files(__package__).joinpath("pre_tokenizers.json").read_text(encoding="utf-8")
    )
    name = metadata.find("tokenizer.ggml.pre", str)
    if name not in known:
        raise TokenizerError(
            f"{metadata.path}: tokenizer.ggml.pre is {name!r}; this exporter knows how "
            f"{', '.join(sorted(known))} split text, and another split gives other tokens. Choose "
            "a model with one of these, or export the original Hugging Face checkpoint."
        )
    found: dict[str, Any] = known[name]
    return found


def _sorted_out(
    texts: list[str], metadata: Metadata
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the vocabulary and the added tokens; ids that stand for nothing are in neither."""
    types = metadata.integers("tokenizer.ggml.token_type")
    if len(types) != len(texts):
        raise TokenizerError(
            f"{metadata.path} is damaged: it has {len(texts)} tokens and {len(types)} token "
            "types. Download it again."
        )
    vocabulary, added = dict[str, int](), list[dict[str, Any]]()
    glyphs = _glyphs()
    for i, (text, kind) in enumerate(zip(texts, types, strict=True)):
        # Some converters call added tokens normal, but such tokens are not made of bytes.
        if kind in _ADDED or (kind == TokenType.NORMAL and not glyphs.issuperset(text)):
            added.append(_added(i, text, is_special=kind == TokenType.CONTROL))
        elif kind == TokenType.NORMAL:
            vocabulary[text] = i
    return vocabulary, added


def _added(token_id: int, text: str, *, is_special: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": text, **flags, "special": is_special}


def _merges(metadata: Metadata, vocabulary: Mapping[str, int]) -> list[list[str]]:
    if all(len(text) == 1 for text in vocabulary):
        return []
    merges = [merge.split(" ") for merge in metadata.texts("tokenizer.ggml.merges")]
    for pair in merges:
        if len(pair) != 2 or "".join(pair) not in vocabulary:  # noqa: PLR2004 (a pair)
            raise TokenizerError(
                f"{metadata.path} is damaged: the merge {' '.join(pair)!r} does not make a token. "
                "Download it again."
            )
    return merges


def _fim_tokens(metadata: Metadata, texts: Sequence[str]) -> FimTokens | None:
    """Return the tokens that the file names by id, None if their names tell enough."""
    ids = [
        next((i for i in (metadata.optional(name, int) for name in names) if i is not None), None)
        for names in _FIM_FIELDS
    ]
    present = set(texts)
    if None in ids or any(present.issuperset(family.names) for family in FAMILIES):
        return None
    begin, hole, end = (_text(metadata, texts, i) for i in ids if i is not None)
    eos = metadata.optional("tokenizer.ggml.eos_token_id", int)
    bos = metadata.optional("tokenizer.ggml.bos_token_id", int)
    uses_bos = metadata.find_or("tokenizer.ggml.add_bos_token", bool, default=False)
    return FimTokens(
        begin,
        hole,
        end,
        end_of_text=None if eos is None else _text(metadata, texts, eos),
        begin_of_text=_text(metadata, texts, bos) if uses_bos and bos is not None else None,
    )


def _text(metadata: Metadata, texts: Sequence[str], token_id: int) -> str:
    if not 0 <= token_id < len(texts):
        raise ConfigError(
            f"{metadata.path} is damaged: its metadata names the token {token_id}, and there are "
            f"{len(texts)} tokens. Download it again."
        )
    return texts[token_id]


def _require_same_ids(document: dict[str, Any], texts: Sequence[str], origin: str) -> None:
    added = {str(token["content"]): int(token["id"]) for token in document["added_tokens"] or ()}
    for text, token_id in {**document["model"]["vocab"], **added}.items():
        if not 0 <= token_id < len(texts) or texts[token_id] != text:
            raise TokenizerError(
                f"{origin} is damaged: {_HUGGING_FACE} calls the token {token_id} {text!r} and the "
                "list of tokens does not. Download it again."
            )


def _glyphs() -> frozenset[str]:
    """Return GPT-2's alphabet: a printable character for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = range(0x100, 0x100 + 256 - len(printable))
    return frozenset(map(chr, [*printable, *others]))
