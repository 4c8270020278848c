"""Ways to round a DeepSeek-V2 checkpoint's weights to four bits: which tensor how."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from onnx_export.quantization import Quantization

Matrix = NDArray[np.float32]


class Rounding(Protocol):
    """Rounds a matrix ``[N, K]`` and gives it back as floats."""

    def restored(self, weight: Matrix) -> Matrix:
        """Return what a kernel would compute with."""
        ...


@dataclass(frozen=True, slots=True)
class Symmetric:
    """As the exporter rounds."""

    quantization: Quantization

    def restored(self, weight: Matrix) -> Matrix:
        """Return what a kernel would compute with."""
        fitted = self.quantization.fitted_to(weight.shape[1])
        return fitted.restore(fitted.quantize(weight))


@dataclass(frozen=True, slots=True)
class Asymmetric:
    """Four bits between a block's least and greatest value, with a zero point for each block."""

    block_size: int

    def restored(self, weight: Matrix) -> Matrix:
        """Return what a kernel would compute with; ranges are searched as scales are."""
        blocks = weight.reshape(-1, min(self.block_size, weight.shape[1]))
        low = np.minimum(blocks.min(axis=-1), 0)
        high = np.maximum(blocks.max(axis=-1), 0)
        best = np.zeros_like(blocks)
        least = np.full(len(blocks), np.inf, np.float32)
        for factor in (1.0, 0.95, 0.9, 0.85, 0.8):
            scales = np.maximum((high - low) * factor / 15, 1e-12)[:, None]
            zeros = np.clip(np.rint(-low[:, None] * factor / scales), 0, 15)
            found = (np.clip(np.rint(blocks / scales) + zeros, 0, 15) - zeros) * scales
            error = ((found - blocks) ** 2).sum(axis=-1)
            is_better = error < least
            best[is_better], least[is_better] = found[is_better], error[is_better]
        return best.reshape(weight.shape)


@dataclass(frozen=True, slots=True)
class Recipe:
    """``eight`` tells the tensors that are kept at eight bits, besides those that ``plain`` has."""

    name: str
    experts: Rounding
    rest: Rounding
    four: Callable[[str], bool] = lambda _: False
    eight: Callable[[str], bool] = lambda _: False
    eight_bits: Rounding = Symmetric(Quantization(8, 32))

    def rounding_of(self, tensor: str, weight: Matrix) -> Rounding | None:
        """Return how a tensor is rounded; None: not at all."""
        if weight.ndim != 2 or tensor.endswith("mlp.gate.weight") or "kv_b_proj" in tensor:
            return None
        is_sensitive = any(part in tensor for part in ("embed_tokens", "lm_head", "kv_a_proj"))
        if self.eight(tensor) or (is_sensitive and not self.four(tensor)):
            return self.eight_bits
        return self.experts if ".experts." in tensor else self.rest


def _four(block_size: int, *, searches: bool = True) -> Symmetric:
    return Symmetric(Quantization(4, block_size, searches=searches))


def _is_in_first_layer(tensor: str) -> bool:
    return ".layers.0." in tensor


_SEARCHED = Recipe("scale search", _four(128), _four(32))
_FIRST = replace(_SEARCHED, name="scale search, first layer in 8 bits", eight=_is_in_first_layer)
_CHOSEN = replace(
    _FIRST,
    name="the same, 8 bits in blocks of 128",
    eight_bits=Symmetric(Quantization(8, 128)),
)

RECIPES = (
    Recipe("plain rounding", _four(128, searches=False), _four(32, searches=False)),
    Recipe("plain, experts in blocks of 32", _four(32, searches=False), _four(32, searches=False)),
    _SEARCHED,
    Recipe("scale search, experts in blocks of 32", _four(32), _four(32)),
    Recipe("scale search with zero points", Asymmetric(128), Asymmetric(32)),
    replace(
        _SEARCHED, name="scale search, kv_a_proj in 4 bits", four=lambda name: "kv_a_proj" in name
    ),
    replace(
        _SEARCHED,
        name="scale search, embedding and output in 4 bits",
        four=lambda name: "embed_tokens" in name or "lm_head" in name,
    ),
    replace(
        _SEARCHED,
        name="scale search, shared experts in 8 bits",
        eight=lambda name: "shared_experts" in name,
    ),
    Recipe(
        "plain, first layer in 8 bits",
        _four(128, searches=False),
        _four(32, searches=False),
        eight=_is_in_first_layer,
    ),
    _FIRST,
    _CHOSEN,
    replace(_CHOSEN, name="the same, all in blocks of 128", rest=_four(128)),
    Recipe(
        "first layer in 8 bits, zero points",
        Asymmetric(128),
        Asymmetric(32),
        eight=_is_in_first_layer,
    ),
    replace(
        _CHOSEN,
        name="as chosen, attention in 8 bits",
        eight=lambda name: _is_in_first_layer(name) or "self_attn" in name,
    ),
)
