"""The layers of DeepSeek-V2 (arXiv 2405.04434): latent attention and a mixture of experts.

Shapes: B rows, L positions, D hidden size, H heads, E experts, I their width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.recipe import ModelShape

_INITIAL_DEVIATION = 0.02


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
        out = functional.scaled_dot_product_attention(q, k, value, is_causal=True, scale=scale)
        mixed: Tensor = self.o_proj(out.transpose(1, 2).reshape(B, L, -1))
        return mixed


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs, as DeepSeek's checkpoints have them."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class GatedMLP(nn.Module):
    """SwiGLU; ``gate_up_proj`` is gate and up in one matrix."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(size, 2 * width, bias=False)
        self.down_proj = nn.Linear(width, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        out: Tensor = self.down_proj(functional.silu(gate) * up)
        return out


class MixtureOfExperts(nn.Module):
    """Softmax router without renormalisation, the best k of E experts, and shared ones for all."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        D, E, I = shape.hidden_size, shape.n_routed_experts, shape.moe_intermediate_size  # noqa: N806, E741
        self.num_chosen = shape.num_experts_per_tok
        self.gate = nn.Parameter(torch.randn(E, D) * _INITIAL_DEVIATION)
        self.gate_up_proj = nn.Parameter(torch.randn(E, 2 * I, D) * _INITIAL_DEVIATION)
        self.down_proj = nn.Parameter(torch.randn(E, D, I) * _INITIAL_DEVIATION)
        self.shared_experts = GatedMLP(D, I * shape.n_shared_experts)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, shaped as ``x``, and the load-balance loss: 1 when all are even."""
        tokens = x.reshape(-1, x.shape[-1])
        num_experts = self.gate.shape[0]
        scores = functional.linear(tokens.float(), self.gate.float()).softmax(-1)
        weights, chosen = scores.topk(self.num_chosen, -1)
        order = chosen.reshape(-1).argsort(stable=True)
        counts = torch.bincount(chosen.reshape(-1), minlength=num_experts)
        rows = order // self.num_chosen
        outputs = self._experts(tokens[rows], counts.tolist())
        weighted = outputs * weights.reshape(-1)[order].unsqueeze(-1).to(x.dtype)
        routed = torch.zeros_like(tokens).index_add_(0, rows, weighted)
        share = counts.float() / chosen.numel()
        load_balance = num_experts * (share * scores.mean(0)).sum()
        return routed.view_as(x) + self.shared_experts(x), load_balance

    def _experts(self, sorted_tokens: Tensor, counts: list[int]) -> Tensor:
        gate_up = self.gate_up_proj.to(sorted_tokens.dtype)
        down = self.down_proj.to(sorted_tokens.dtype)
        outputs = []
        for expert, tokens in enumerate(sorted_tokens.split(counts)):
            gate, up = functional.linear(tokens, gate_up[expert]).chunk(2, -1)
            outputs.append(functional.linear(functional.silu(gate) * up, down[expert]))
        return torch.cat(outputs)
