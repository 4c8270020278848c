"""Rotary position embeddings and the softmax scale, with YaRN folded in.

Follows transformers 5.23 (``modeling_rope_utils`` and ``yarn_apply_mscale`` of DeepSeek-V2). All is
computed once, at export.
"""

import math

import numpy as np
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config, YarnConfig
from onnx_export.grouped_config import GroupedConfig


def inverse_frequencies(config: DeepseekV2Config) -> NDArray[np.float32]:
    """Return the angle that a step of one position adds, for each pair; ``[rope dim / 2]``."""
    dim = config.qk_rope_head_dim
    frequencies = _frequencies(dim, config.rope_theta)
    extrapolated = np.float32(1.0) / frequencies
    if config.yarn is None:
        return extrapolated
    interpolated = np.float32(1.0) / (np.float32(config.yarn.factor) * frequencies)
    keep = np.float32(1.0) - _interpolation_ramp(config.yarn, dim, config.rope_theta)
    return interpolated * (np.float32(1.0) - keep) + extrapolated * keep


def linear_inverse_frequencies(config: GroupedConfig) -> NDArray[np.float32]:
    """Return the same with positions divided by the factor of linear scaling; ``[head / 2]``."""
    plain = np.float32(1.0) / _frequencies(config.head_dim, config.rope_theta)
    return plain / np.float32(config.rope_factor)


def attention_factor(config: DeepseekV2Config) -> float:
    """Return what cos and sin are multiplied by; 1.0 for Lite, whose two mscales are equal."""
    yarn = config.yarn
    if yarn is None:
        return 1.0
    if yarn.attention_factor is not None:
        return yarn.attention_factor
    if yarn.mscale and yarn.mscale_all_dim:
        return _mscale(yarn.factor, yarn.mscale) / _mscale(yarn.factor, yarn.mscale_all_dim)
    return _mscale(yarn.factor, 1.0)


def softmax_scale(config: DeepseekV2Config) -> float:
    """Return the factor on attention scores; the head's width is that before absorption."""
    scale = 1.0 / math.sqrt(config.qk_nope_head_dim + config.qk_rope_head_dim)
    if config.yarn is None or not config.yarn.mscale_all_dim:
        return scale
    # transformers 4 forgets this square and is wrong for Lite.
    return scale * _mscale(config.yarn.factor, config.yarn.mscale_all_dim) ** 2


def _frequencies(dim: int, theta: float) -> NDArray[np.float32]:
    exponents = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
    # torch rounds the power correctly. numpy's float32 power does not, and one unit in the last
    # place is 3e-4 on the logits at position 5,000.
    return np.asarray(theta ** exponents.astype(np.float64), np.float32)


def _mscale(factor: float, mscale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


def _interpolation_ramp(yarn: YarnConfig, dim: int, theta: float) -> NDArray[np.float32]:
    """Return 0 where a pair turns fast and is left alone, 1 where it is slowed; between, a ramp."""

    def pair_turning(num_rotations: float) -> float:
        length = yarn.original_max_position_embeddings
        return dim * math.log(length / (num_rotations * 2 * math.pi)) / (2 * math.log(theta))

    low = float(max(math.floor(pair_turning(yarn.beta_fast)), 0))
    high = float(min(math.ceil(pair_turning(yarn.beta_slow)), dim - 1))
    if low == high:
        high += 0.001
    ramp = (np.arange(dim // 2, dtype=np.float32) - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(ramp, 0, 1), np.float32)
