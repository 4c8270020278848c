"""How much memory this process can take, and how much a model needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder_lsp.engine.cache.kv_cache import bytes_for
from coder_lsp.engine.device.cgroup import memory_left

if TYPE_CHECKING:
    from coder_lsp.models.model_folder import Manifest, ModelFolder

_ACTIVATION_BYTES = 4
_CHUNK_TOKENS = 256
"""The maximum of tokens that prefill computes at once; see ``prefill_pace``."""
_FIXED_BYTES = {"cpu": 128 << 20, "cuda": 512 << 20}
"""The runtime itself and, on a GPU, CUDA's context: estimates."""
_NUM_SEQUENCES = 2
_GIGABYTE = 10**9
_NUM_SCORE_BUFFERS = 3
"""Scores before and after the softmax, and the mask: alive at once in the attention."""


@dataclass(frozen=True, slots=True)
class MemoryNeeds:
    """The minimum of bytes that a model needs, calculated from its manifest."""

    weights: int
    cache: int
    workspace: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.cache + self.workspace

    def left_for_cache(self, available: int) -> int:
        """Return what of ``available`` bytes all KV caches together may take."""
        return max(available - self.weights - self.workspace, self.cache)

    def __str__(self) -> str:
        return (
            f"{size_text(self.total)} ({size_text(self.weights)} weights, {size_text(self.cache)} "
            f"KV caches, about {size_text(self.workspace)} workspace)"
        )


def plan_memory(folder: ModelFolder, context_tokens: int) -> MemoryNeeds:
    """Return what a model needs: its files, one document's KV caches, and room to compute."""
    manifest = folder.manifest
    tokens = min(context_tokens, manifest.context_length)
    architecture = manifest.architecture
    scores = architecture.num_attention_heads * _CHUNK_TOKENS * tokens * _ACTIVATION_BYTES
    logits = architecture.vocab_size * _ACTIVATION_BYTES
    return MemoryNeeds(
        weights=folder.size,
        cache=cache_bytes_of_a_document(manifest, context_tokens),
        workspace=_FIXED_BYTES[manifest.target] + _NUM_SCORE_BUFFERS * scores + logits,
    )


def cache_bytes_of_a_document(manifest: Manifest, context_tokens: int) -> int:
    """Return the bytes of a document's KV caches: its sequence, and the standby that renews it."""
    tokens = min(context_tokens, manifest.context_length)
    return _NUM_SEQUENCES * bytes_for(manifest.cache, tokens)


def available_memory() -> int:
    """Return the bytes that this process can take, swap included, within a container's limit."""
    import psutil  # noqa: PLC0415 (nothing else of the server needs it)

    available = int(psutil.virtual_memory().available + psutil.swap_memory().free)
    left = memory_left()
    return available if left is None else min(available, left)


def size_text(num_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= _GIGABYTE else f"{num_bytes / 1e6:.0f} MB"
