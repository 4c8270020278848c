"""DeepSeek-V2 for optimum-onnx 0.1.0, which knows version 3 only: an independent reference graph.

optimum traces the model of transformers 4.57. Three things prevent this: rotations by complex
numbers have no ONNX operator, experts are looped over as the traced tokens happened to choose them,
and the softmax scale lacks YaRN's part, which transformers 5 has. The graph is a reference and no
product: plain float32 products for each expert, and keys and values expanded for all of the past.

It is imported only where optimum is installed; ``register`` adds it to ``optimum.exporters``.
"""

import math
from types import TracebackType
from typing import Any

import torch
import transformers.models.deepseek_v2.modeling_deepseek_v2 as modeling
from optimum.exporters.onnx.model_configs import COMMON_TEXT_GENERATION_TASKS, LlamaOnnxConfig
from optimum.exporters.onnx.model_patcher import ModelPatcher, PatchingSpec
from optimum.exporters.tasks import TasksManager
from optimum.utils import DeepSeekV3DummyPastKeyValuesGenerator, DummyTextInputGenerator
from packaging import version


def register() -> None:
    """Make optimum export checkpoints of the model type ``deepseek_v2``."""
    register_for = TasksManager.create_register("onnx", overwrite_existing=True)
    register_for("deepseek_v2", *COMMON_TEXT_GENERATION_TASKS)(DeepseekV2OnnxConfig)


def angles(module: Any, _: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
    """Return cosines above sines, ``[2, batch, N, rope / 2]``, in place of complex numbers."""
    turned = position_ids[..., None].float() * module.inv_freq[None, None].float()
    return torch.stack((turned.cos(), turned.sin())) * module.attention_scaling


def rotate_both(
    query: torch.Tensor, key: torch.Tensor, cos_sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate ``[batch, heads, N, rope]`` by what ``angles`` returned; pairs are neighbours."""
    cos, sin = cos_sin.unsqueeze(2).unbind(0)
    return _rotate(query, cos, sin), _rotate(key, cos, sin)


def mix_experts(
    module: Any, hidden: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Return the weighted sum of experts; each is traced once, with the rows that chose it."""
    shape = (hidden.shape[0], len(module.experts))
    weight_of = torch.zeros(shape, dtype=weights.dtype).scatter(1, chosen, weights)
    mixed = torch.zeros_like(hidden)
    for i, expert in enumerate(module.experts):
        rows = torch.nonzero(weight_of[:, i] > 0).squeeze(-1)
        weighted = expert(hidden[rows]) * weight_of[rows, i, None]
        mixed = mixed.index_add(0, rows, weighted.to(hidden.dtype))
    return mixed


class SoftmaxScalePatcher(ModelPatcher):
    """Gives attention the scale that transformers 5 computes, as long as the model is patched."""

    def __enter__(self) -> None:
        super().__enter__()
        self._scales = [layer.self_attn.scaling for layer in self._model.model.layers]
        factor = _softmax_factor(self._model.config.rope_scaling or {})
        for layer, scale in zip(self._model.model.layers, self._scales, strict=True):
            layer.self_attn.scaling = scale * factor

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for layer, scale in zip(self._model.model.layers, self._scales, strict=True):
            layer.self_attn.scaling = scale
        super().__exit__(kind, error, traceback)


class DeepseekV2OnnxConfig(LlamaOnnxConfig):
    """As for DeepSeek-V3: keys are wider than values. The first version that has the model."""

    MIN_TRANSFORMERS_VERSION = version.parse("4.54.0")
    ATOL_FOR_VALIDATION = 1e-4
    DUMMY_INPUT_GENERATOR_CLASSES = (DummyTextInputGenerator, DeepSeekV3DummyPastKeyValuesGenerator)
    DUMMY_PKV_GENERATOR_CLASS = DeepSeekV3DummyPastKeyValuesGenerator
    PATCHING_SPECS = [  # noqa: RUF012 (optimum's patcher wants a list)
        PatchingSpec(modeling.DeepseekV2RotaryEmbedding, "forward", angles),
        PatchingSpec(modeling, "apply_rotary_emb", rotate_both),
        PatchingSpec(modeling.DeepseekV2MoE, "moe", mix_experts),
    ]
    _MODEL_PATCHER = SoftmaxScalePatcher


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = (first * cos - second * sin, first * sin + second * cos)
    return torch.stack(turned, dim=-1).flatten(-2).type_as(x)


def _softmax_factor(rope_scaling: dict[str, Any]) -> float:
    mscale = rope_scaling.get("mscale_all_dim", 0.0)
    factor = rope_scaling.get("factor", 1.0)
    if not mscale or factor <= 1:
        return 1.0
    return float((0.1 * mscale * math.log(factor) + 1.0) ** 2)
