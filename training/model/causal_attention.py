"""Causal attention as matrix products over blocks of queries, for a CPU.

PyTorch's flash attention makes small products, slow in bf16: with rows of 1,024 positions and heads
of 64 it takes two and a half times as long. Here a block of queries meets all keys up to its own
end in one product, and the probabilities are kept for the backward pass.
"""

from typing import Any

import torch
from torch import Tensor

_BLOCK_LENGTH = 256
"""Queries in a block: shorter ones skip more of the future, longer ones are better products."""


class CausalAttention(torch.autograd.Function):
    """``softmax(scale * q k^T) v``, each position seeing itself and what is before it."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Return [B, H, L, V] of queries and keys [B, H, L, K] and values [B, H, L, V]."""
        q = q * scale
        outputs, probabilities = [], []
        for start in range(0, q.shape[2], _BLOCK_LENGTH):
            end = min(start + _BLOCK_LENGTH, q.shape[2])
            scores = q[:, :, start:end] @ k[:, :, :end].transpose(-1, -2)
            scores[..., start:] += _future(end - start, scores)
            p = scores.softmax(-1)
            outputs.append(p @ v[:, :, :end])
            probabilities.append(p)
        ctx.save_for_backward(q, k, v, *probabilities)
        ctx.scale = scale
        return torch.cat(outputs, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of q, k and v."""
        q, k, v, *probabilities = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        start = 0
        for p in probabilities:
            end = p.shape[-1]
            g = gradient[:, :, start:end]
            dv[:, :, :end] += p.transpose(-1, -2) @ g
            dp = g @ v[:, :, :end].transpose(-1, -2)
            ds = torch._softmax_backward_data(dp, p, -1, p.dtype)  # noqa: SLF001
            dq[:, :, start:end] = (ds @ k[:, :, :end]) * ctx.scale
            dk[:, :, :end] += ds.transpose(-1, -2) @ q[:, :, start:end]
            start = end
        return dq, dk, dv, None


def _future(length: int, like: Tensor) -> Tensor:
    """Return [length, length]: minus infinity above the diagonal, 0 elsewhere."""
    return torch.full((length, length), float("-inf"), dtype=like.dtype, device=like.device).triu(1)
