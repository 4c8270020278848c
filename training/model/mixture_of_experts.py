"""Feed-forward layers of DeepSeek-V2: gated, and a mixture of gated experts.

Shapes: N positions, k experts chosen for each, D hidden size, E experts, I their width.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.recipe import ModelShape

_INITIAL_DEVIATION = 0.02


class GatedUnit(nn.Module):
    """``silu(gate) * up``, both halves of the last dimension; apart, so that it can be compiled."""

    def forward(self, gate_up: Tensor) -> Tensor:
        """Return half as many features."""
        gate, up = gate_up.chunk(2, -1)
        return functional.silu(gate) * up


class GatedMLP(nn.Module):
    """SwiGLU; ``gate_up_proj`` is gate and up in one matrix."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(size, 2 * width, bias=False)
        self.down_proj = nn.Linear(width, size, bias=False)
        self.gated = GatedUnit()

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        out: Tensor = self.down_proj(self.gated(self.gate_up_proj(x)))
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
        self.gated = GatedUnit()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, shaped as ``x``, and the load-balance loss: 1 when all are even."""
        tokens = x.reshape(-1, x.shape[-1])
        num_experts = self.gate.shape[0]
        scores = functional.linear(tokens.float(), self.gate.float()).softmax(-1)
        weights, chosen = scores.topk(self.num_chosen, -1)
        counts = torch.bincount(chosen.reshape(-1), minlength=num_experts)
        outputs = self._experts(tokens, chosen, counts.tolist())
        routed = (outputs * weights.unsqueeze(-1).to(x.dtype)).sum(1)
        share = counts.float() / chosen.numel()
        load_balance = num_experts * (share * scores.mean(0)).sum()
        return routed.view_as(x) + self.shared_experts(x), load_balance

    def _experts(self, tokens: Tensor, chosen: Tensor, counts: list[int]) -> Tensor:
        """Return what each position's experts answer, [N, k, D], from tokens [N, D]."""
        order = chosen.reshape(-1).argsort(stable=True)
        places = order.argsort()
        copies = tokens.unsqueeze(1).expand(-1, self.num_chosen, -1).reshape(-1, tokens.shape[-1])
        grouped = Permutation.apply(copies, order, places)
        gate_up = GroupedLinear.apply(grouped, self.gate_up_proj.to(tokens.dtype), counts)
        outputs = GroupedLinear.apply(self.gated(gate_up), self.down_proj.to(tokens.dtype), counts)
        restored: Tensor = Permutation.apply(outputs, places, order)
        return restored.view(-1, self.num_chosen, tokens.shape[-1])


class Permutation(torch.autograd.Function):
    """Rows in another order; PyTorch's indexing would add up in its backward pass, for nothing."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        """Return ``rows[order]``; ``inverse`` undoes ``order``."""
        ctx.save_for_backward(inverse)
        return rows[order]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the rows as they were."""
        (inverse,) = ctx.saved_tensors
        return gradient[inverse], None, None


class GroupedLinear(torch.autograd.Function):
    """Rows that lie in groups, each times the matrix of its group; results are written in place."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, matrices: Tensor, counts: list[int]) -> Tensor:
        """Return [N, out] of rows [N, in] and matrices [E, out, in]; ``counts`` sum to N."""
        ctx.save_for_backward(rows, matrices)
        ctx.counts = counts
        out = rows.new_empty(len(rows), matrices.shape[1])
        for group, matrix, result in zip(
            rows.split(counts), matrices, out.split(counts), strict=True
        ):
            torch.mm(group, matrix.mT, out=result)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of rows and matrices."""
        rows, matrices = ctx.saved_tensors
        d_rows, d_matrices = torch.empty_like(rows), torch.empty_like(matrices)
        groups = zip(
            rows.split(ctx.counts),
            gradient.split(ctx.counts),
            d_rows.split(ctx.counts),
            strict=True,
        )
        for expert, (group, g, d_group) in enumerate(groups):
            torch.mm(g, matrices[expert], out=d_group)
            torch.mm(g.mT, group, out=d_matrices[expert])
        return d_rows, d_matrices, None
