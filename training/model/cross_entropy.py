"""The loss of the next token, together with the product that makes the logits.

With a vocabulary of thousands the logits are the largest tensors of a step. Here a few rows are
taken at a time, and their gradients are made while their probabilities are at hand.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_ROWS_AT_ONCE = 512


class LinearCrossEntropy(torch.autograd.Function):
    """Mean over the targets that count of ``-log softmax(hidden weight^T)[target]``, in nats."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, ignored: int) -> Tensor:
        """Return the loss of hidden states [N, D], weight [V, D] and targets [N].

        Targets that are ``ignored`` cost nothing; where all are, the loss is 0.
        """
        share = 1 / (targets != ignored).sum().clamp(min=1).float()
        loss = torch.zeros((), device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        d_weight = torch.zeros_like(weight, dtype=torch.float32)
        for start in range(0, len(targets), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            part, errors = _loss_and_errors(hidden[rows], weight, targets[rows], ignored)
            loss += part
            if any(ctx.needs_input_grad):
                d_hidden[rows] = errors @ weight
                d_weight += errors.mT @ hidden[rows]
        ctx.save_for_backward(d_hidden.mul_(share), d_weight.mul_(share))
        return loss * share

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of hidden states and weight."""
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * gradient.to(d_hidden.dtype), d_weight * gradient, None, None


def _loss_and_errors(
    hidden: Tensor, weight: Tensor, targets: Tensor, ignored: int
) -> tuple[Tensor, Tensor]:
    """Return the sum of the rows' losses and its derivative [N, V] by their logits.

    ``p - 1`` of the target is computed in float32: in bfloat16, which has eight bits, every
    probability above 0.998 is 1, and a target that is nearly certain would have no gradient.
    """
    counts = (targets != ignored).unsqueeze(1)
    index = targets.clamp(min=0).unsqueeze(1)
    logits = functional.linear(hidden, weight)
    errors = logits.softmax(-1, dtype=torch.float32)
    losses = -errors.gather(1, index).clamp(min=torch.finfo(torch.float32).tiny).log()
    errors.scatter_add_(1, index, errors.new_full(index.shape, -1))
    return (losses * counts).sum(), errors.mul_(counts).to(hidden.dtype)
