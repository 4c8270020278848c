"""Muon for the matrices, AdamW for embedding, norms and router.

Muon (Keller Jordan, 2024; github.com/KellerJordan/Muon) makes each update of a matrix orthogonal by
a few Newton-Schulz steps, so that all directions are learnt at the same pace.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from training.recipe import Optimization

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NUM_NEWTON_SCHULZ_STEPS = 5


class Muon:
    """Momentum with orthogonal updates; tensors of three dimensions are stacks of matrices."""

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float, decay: float) -> None:
        self._parameters = list(parameters)
        self._momentum, self._decay = momentum, decay
        self.buffers = [torch.zeros_like(p) for p in self._parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
        for parameter, buffer in zip(self._parameters, self.buffers, strict=True):
            if parameter.grad is None:
                continue
            buffer.lerp_(parameter.grad, 1 - self._momentum)
            update = orthogonalise(parameter.grad.lerp(buffer, self._momentum))
            rows, columns = parameter.shape[-2:]
            scale = max(1, rows / columns) ** 0.5
            parameter.mul_(1 - learning_rate * self._decay)
            parameter.add_(update, alpha=-learning_rate * scale)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Bring all singular values near 1, in bf16; over the last two dimensions."""
    a, b, c = _NEWTON_SCHULZ
    x = matrix.bfloat16()
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_NUM_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if is_tall else x).float()


class Optimizer:
    """Both optimizers and the running average of the weights, which is what gets exported.

    At a constant learning rate the weights are noisy. Their average is nearly as good as decayed
    weights, and needs no decay.
    """

    def __init__(self, model: nn.Module, settings: Optimization) -> None:
        self._settings = settings
        named = dict(model.named_parameters())
        matrices = [p for name, p in named.items() if _is_matrix(name, p)]
        self._others = [p for name, p in named.items() if not _is_matrix(name, p)]
        self._parameters = list(named.values())
        self._muon = Muon(matrices, settings.muon_momentum, settings.muon_weight_decay)
        self._adamw = torch.optim.AdamW(
            self._others,
            lr=settings.adamw_learning_rate,
            betas=settings.adamw_betas,
            weight_decay=0.0,
            fused=True,
        )
        self.average = {name: p.detach().clone() for name, p in named.items()}

    @torch.no_grad()
    def step(self, factor: float) -> float:
        """Update all parameters at ``factor`` of the learning rates; return the gradient norm.

        The norm is that of AdamW's part, which alone is clipped: Muon ignores lengths.
        """
        settings = self._settings
        norm = nn.utils.clip_grad_norm_(self._others, settings.max_gradient_norm)
        self._muon.step(settings.muon_learning_rate * factor)
        self._adamw.param_groups[0]["lr"] = settings.adamw_learning_rate * factor
        self._adamw.step()
        for average, parameter in zip(self.average.values(), self._parameters, strict=True):
            average.lerp_(parameter, 1 - settings.average_decay)
            if parameter.grad is not None:
                parameter.grad.zero_()
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Return all that ``load_state`` needs."""
        return {
            "muon": self._muon.buffers,
            "adamw": self._adamw.state_dict(),
            "average": self.average,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same model."""
        for buffer, saved in zip(self._muon.buffers, state["muon"], strict=True):
            buffer.copy_(saved)
        self._adamw.load_state_dict(state["adamw"])
        for name, average in self.average.items():
            average.copy_(state["average"][name])


def _is_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.dim() >= 2 and "embed_tokens" not in name and not name.endswith("mlp.gate")
