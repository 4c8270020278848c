"""Bits per byte of held-out documents, by language.

Bits per byte compares models whatever their tokenizer. Documents are read as they are, from their
beginning in pieces of a thousand tokens, without fill-in-the-middle.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch

from coder_lsp.prompt.line_encoder import LineEncoder
from training.corpus.store import Corpus, SourceFile
from training.data.batches import IGNORED
from training.evaluate.held_out import held_out_files
from training.model.deepseek import DeepSeek

_PIECE_LENGTH = 1024
_MAX_DOCUMENT_LENGTH = 8000
"""Code points: many documents tell more than a few long ones."""
_NUM_ROWS = 8


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
    return {
        language: _measure(model, corpus, files, encoder, bos, bytes_per_language, seed)
        for language, files in held_out_files(corpus).items()
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
    files = list(files)
    Random(seed).shuffle(files)
    length = min(_PIECE_LENGTH, model.shape.max_position_embeddings)
    pieces: list[list[int]] = []
    num_documents = num_bytes = 0
    for file in files:
        if num_bytes >= max_bytes:
            break
        text = corpus.text(file)[:_MAX_DOCUMENT_LENGTH]
        token_ids = encoder.encode(text)
        starts = range(0, len(token_ids), length)
        pieces += [[bos, *token_ids[start : start + length]] for start in starts]
        num_documents += 1
        num_bytes += len(text.encode("utf-8"))
    num_tokens = sum(len(piece) - 1 for piece in pieces)
    nats = sum(_nats(model, batch) for batch in _batches(pieces))
    return BitsPerByte(
        nats / math.log(2) / num_bytes, nats / num_tokens, num_documents, num_bytes, num_tokens
    )


def _batches(pieces: list[list[int]]) -> Iterator[list[list[int]]]:
    """Put pieces of about the same length together, so that little is padded."""
    ordered = sorted(pieces, key=len)
    for start in range(0, len(ordered), _NUM_ROWS):
        yield ordered[start : start + _NUM_ROWS]


@torch.no_grad()
def _nats(model: DeepSeek, rows: list[list[int]]) -> float:
    length = max(map(len, rows))
    token_ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    targets = torch.tensor([row[1:] + [IGNORED] * (length - len(row)) for row in rows])
    with torch.autocast(token_ids.device.type, torch.bfloat16):
        mean, _ = model.loss(token_ids[:, :-1], targets)
    return mean.item() * int((targets != IGNORED).sum())
