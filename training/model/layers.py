"""The layers of DeepSeek-V2 (arXiv 2405.04434): latent attention and a mixture of experts.

Shapes: B rows, L positions, D hidden size, H heads, E experts, I their width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.model.causal_attention import CausalAttention
from training.recipe import ModelShape


class RMSNorm(nn.Module):
    """Root mean square norm over the last dimension."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; computed in the dtype of ``x``."""
        return functional.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Multi-head latent attention, not absorbed: in training all keys are computed anyway."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.num_heads = shape.num_attention_heads
        self.nope, self.rope = shape.qk_nope_head_dim, shape.qk_rope_head_dim
        self.value, self.rank = shape.v_head_dim, shape.kv_lora_rank
        width, heads = shape.hidden_size, shape.num_attention_heads
        self.q_proj = nn.Linear(width, heads * (self.nope + self.rope), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(width, self.rank + self.rope, bias=False)
        self.kv_a_layernorm = RMSNorm(self.rank, 1e-6)
        self.kv_b_proj = nn.Linear(self.rank, heads * (self.nope + self.value), bias=False)
        self.o_proj = nn.Linear(heads * self.value, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Attend causally; ``cos`` and ``sin`` are [L, rope / 2]."""
        B, L, _ = x.shape  # noqa: N806
        heads = self.num_heads
        q = self.q_proj(x).view(B, L, heads, -1).transpose(1, 2)
        q_nope, q_rope = q.split([self.nope, self.rope], -1)
        latent, k_rope = self.kv_a_proj_with_mqa(x).split([self.rank, self.rope], -1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).view(B, L, heads, -1).transpose(1, 2)
        k_nope, value = kv.split([self.nope, self.value], -1)
        q_rope = _rotate(q_rope, cos, sin)
        k_rope = _rotate(k_rope.unsqueeze(1), cos, sin).expand(B, heads, L, self.rope)
        q = torch.cat((q_nope, q_rope), -1)
        k = torch.cat((k_nope, k_rope), -1)
        scale = (self.nope + self.rope) ** -0.5
        out = _attend(q, k, value, scale)
        mixed: Tensor = self.o_proj(out.transpose(1, 2).reshape(B, L, -1))
        return mixed


def _attend(q: Tensor, k: Tensor, value: Tensor, scale: float) -> Tensor:
    if q.device.type == "cpu":
        out: Tensor = CausalAttention.apply(q, k, value, scale)
        return out
    return functional.scaled_dot_product_attention(q, k, value, is_causal=True, scale=scale)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs, as DeepSeek's checkpoints have them."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
