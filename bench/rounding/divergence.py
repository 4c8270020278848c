"""How far a model's distributions are from the reference's, on the same tokens."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder

CAPACITY = 1024

LogProbabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Means over all tokens; ``perplexity_ratio`` is to the reference's."""

    kl_nats_per_1000: float
    standard_error: float
    perplexity: float
    perplexity_ratio: float
    other_best_token_share: float


class Reference:
    """The distributions of one model on documents, kept in half precision."""

    def __init__(self, folder: Path, documents: Sequence[list[int]]) -> None:
        self.documents = documents
        self._kept = [found.astype(np.float16) for found in _of_documents(folder, documents)]
        self.num_tokens = sum(len(kept) for kept in self._kept)
        pairs = zip(self._kept, documents, strict=True)
        self._nats = sum(_nats(kept, token_ids) for kept, token_ids in pairs) / self.num_tokens

    @property
    def perplexity(self) -> float:
        """The reference's own."""
        return math.exp(self._nats)

    def compare(self, folder: Path) -> Divergence:
        """Return how far the model in ``folder`` is."""
        nats, num_others, divergences = 0.0, 0, list[NDArray[np.float32]]()
        found = _of_documents(folder, self.documents)
        for kept, log_p, token_ids in zip(self._kept, found, self.documents, strict=True):
            exact = kept.astype(np.float32)
            nats += _nats(log_p, token_ids)
            num_others += int((log_p.argmax(axis=-1) != exact.argmax(axis=-1)).sum())
            np.subtract(exact, log_p, out=log_p)
            np.exp(exact, out=exact)
            divergences.append(np.einsum("ij,ij->i", exact, log_p))
        each = np.concatenate(divergences)
        perplexity = math.exp(nats / self.num_tokens)
        return Divergence(
            kl_nats_per_1000=1000 * float(each.mean()),
            standard_error=1000 * float(each.std() / math.sqrt(len(each))),
            perplexity=perplexity,
            perplexity_ratio=perplexity / self.perplexity,
            other_best_token_share=num_others / self.num_tokens,
        )


def _of_documents(folder: Path, documents: Sequence[list[int]]) -> Iterator[LogProbabilities]:
    """Yield ``[tokens, vocabulary]`` for each document: what was expected before each token.

    A model without BOS expects nothing before the first token.
    """
    model = ModelFolder.read(folder)
    runner = ModelRunner(model, 2)
    cache = runner.create_cache(CAPACITY)
    bos = model.manifest.fim.bos
    for token_ids in documents:
        cache.trim(cache.offset)
        inputs = [*([] if bos is None else [bos]), *token_ids[:-1]]
        logits = runner.run(cache, inputs, CancellationToken(), num_logits=len(inputs))
        logits -= logits.max(axis=-1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        yield logits


def _nats(log_p: NDArray[np.floating], token_ids: Sequence[int]) -> float:
    expected = token_ids[-len(log_p) :]
    return -float(log_p[np.arange(len(log_p)), expected].astype(np.float64).sum())
