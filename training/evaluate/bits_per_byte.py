"""Bits per byte of held-out documents, by language.

Bits per byte compares models whatever their tokenizer. Documents are read as they are, from their
beginning in pieces of the row's length, without fill-in-the-middle.
"""

import math
from dataclasses import dataclass
from random import Random

import torch
from torch.nn import functional

from coder_lsp.prompt.line_encoder import LineEncoder
from training.corpus.store import Corpus, SourceFile
from training.model.deepseek import DeepSeek


@dataclass(frozen=True, slots=True)
class BitsPerByte:
    """The figure of one language and what it was measured on."""

    bits_per_byte: float
    nats_per_token: float
    num_documents: int
    num_bytes: int
    num_tokens: int


def bits_per_byte(
    model: DeepSeek,
    corpus: Corpus,
    encoder: LineEncoder,
    bos: int,
    bytes_per_language: int,
    seed: int,
) -> dict[str, BitsPerByte]:
    """Measure on about as many bytes of each language's held-out documents, drawn by the seed."""
    by_language: dict[str, list[SourceFile]] = {}
    for file in corpus.files:
        if file.use == "held-out":
            by_language.setdefault(file.language, []).append(file)
    return {
        language: _measure(model, corpus, files, encoder, bos, bytes_per_language, seed)
        for language, files in sorted(by_language.items())
    }


def _measure(
    model: DeepSeek,
    corpus: Corpus,
    files: list[SourceFile],
    encoder: LineEncoder,
    bos: int,
    max_bytes: int,
    seed: int,
) -> BitsPerByte:
    files = sorted(files, key=lambda file: (file.package, file.path))
    Random(seed).shuffle(files)
    nats, num_documents, num_bytes, num_tokens = 0.0, 0, 0, 0
    for file in files:
        if num_bytes >= max_bytes:
            break
        token_ids = encoder.encode(corpus.text(file))
        nats += _nats(model, token_ids, bos)
        num_documents += 1
        num_bytes += file.length
        num_tokens += len(token_ids)
    return BitsPerByte(
        nats / math.log(2) / num_bytes, nats / num_tokens, num_documents, num_bytes, num_tokens
    )


@torch.no_grad()
def _nats(model: DeepSeek, token_ids: list[int], bos: int, length: int = 1024) -> float:
    nats = 0.0
    for start in range(0, len(token_ids), length):
        piece = torch.tensor([[bos, *token_ids[start : start + length]]])
        with torch.autocast(piece.device.type, torch.bfloat16):
            logits = model(piece[:, :-1]).float()
        nats += functional.cross_entropy(logits[0], piece[0, 1:], reduction="sum").item()
    return nats
