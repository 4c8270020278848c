"""A GGUF file's tensors under the names and in the arrangement of a Hugging Face checkpoint."""

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import gguf
import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.errors import CheckpointError
from onnx_export.gguf_file.blocks import blocks_of
from onnx_export.gguf_file.files import GgufFiles, StoredTensor
from onnx_export.llama_config import LlamaConfig
from onnx_export.model_types import KnownConfig
from onnx_export.weights import Weight

ReadRows = Callable[[int, int], NDArray[np.uint8]]

_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
_EXPERT = re.compile(r"mlp\.experts\.(\d+)\.(gate|up|down)_proj\.weight")
_WHOLE = MappingProxyType(
    {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
)
_COMMON = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
_LLAMA = {
    **_COMMON,
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
}
_IN_LAYERS: MappingProxyType[str, Mapping[str, str]] = MappingProxyType(
    {
        "llama": _LLAMA,
        "qwen2": {
            **_LLAMA,
            "self_attn.q_proj.bias": "attn_q.bias",
            "self_attn.k_proj.bias": "attn_k.bias",
            "self_attn.v_proj.bias": "attn_v.bias",
        },
        "deepseek_v2": {
            **_COMMON,
            "self_attn.kv_a_proj_with_mqa.weight": "attn_kv_a_mqa.weight",
            "self_attn.kv_a_layernorm.weight": "attn_kv_a_norm.weight",
            "self_attn.kv_b_proj.weight": "attn_kv_b.weight",
            "mlp.gate.weight": "ffn_gate_inp.weight",
            "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
            "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
            "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
        },
    }
)
_KV_B = "self_attn.kv_b_proj.weight"
# The two halves of kv_b_proj in newer files, and the experts, which are one tensor a projection.
_OF_DEEPSEEK = (
    "attn_k_b.weight",
    "attn_v_b.weight",
    *(f"ffn_{p}_exps.weight" for p in ("gate", "up", "down")),
)


@dataclass(frozen=True, slots=True)
class GgufWeights:
    """``Weights`` over the files of a model. Nothing is kept in memory."""

    files: GgufFiles
    config: KnownConfig

    def __post_init__(self) -> None:
        self._require_known()

    @property
    def identity(self) -> str:
        """A text that changes when the content does."""
        return self.files.identity

    def __contains__(self, name: str) -> bool:
        return self._stored_name(name) in self.files.tensors

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        layer = _LAYER.fullmatch(name)
        expert = _EXPERT.fullmatch(layer[2]) if layer else None
        if layer and expert:
            return self._expert(
                name, shape, f"blk.{layer[1]}.ffn_{expert[2]}_exps.weight", int(expert[1])
            )
        if layer and layer[2] == _KV_B and self._stored_name(name) not in self.files.tensors:
            return self._key_and_value(name, shape, f"blk.{layer[1]}")
        tensor = self._require(self._stored_name(name), shape)
        return _weight(name, shape, tensor, self._row_order(name, tensor))

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Refuse: experts are never fused under a name of Hugging Face's here."""
        raise CheckpointError(f"{self.files.path} has no tensor {name} of {shape}, slice {index}.")

    def _stored_name(self, name: str) -> str:
        layer = _LAYER.fullmatch(name)
        if layer is None:
            return _WHOLE.get(name, name)
        return f"blk.{layer[1]}.{_IN_LAYERS[self.config.model_type].get(layer[2], layer[2])}"

    def _row_order(self, name: str, tensor: StoredTensor) -> ReadRows:
        """Return how to read rows in the order of the checkpoint."""
        is_rotated = name.endswith(("self_attn.q_proj.weight", "self_attn.k_proj.weight"))
        if isinstance(self.config, LlamaConfig) and is_rotated:
            return functools.partial(_rows_of_halves, tensor.rows, self.config.head_dim)
        return tensor.rows

    def _expert(self, name: str, shape: tuple[int, ...], stored: str, index: int) -> Weight:
        assert isinstance(self.config, DeepseekV2Config)
        tensor = self._require(stored, (self.config.n_routed_experts, *shape))
        first = index * shape[0]

        def rows(start: int, end: int) -> NDArray[np.uint8]:
            return tensor.rows(first + start, first + end)

        return _weight(name, shape, tensor, rows)

    def _key_and_value(self, name: str, shape: tuple[int, ...], layer: str) -> Weight:
        """Put the two halves of kv_b_proj together: a few megabytes, so they are read whole."""
        config = self.config
        assert isinstance(config, DeepseekV2Config)
        heads, latent = config.num_attention_heads, config.kv_lora_rank
        nope, value_dim = config.qk_nope_head_dim, config.v_head_dim
        key = self._require(f"{layer}.attn_k_b.weight", (heads, latent, nope))
        value = self._require(f"{layer}.attn_v_b.weight", (heads, value_dim, latent))

        def rows(start: int, end: int) -> NDArray[np.float32]:
            keys = _floats(key, key.rows, 0, heads * latent).reshape(heads, latent, nope)
            values = _floats(value, value.rows, 0, heads * value_dim)
            both = (keys.transpose(0, 2, 1), values.reshape(heads, value_dim, latent))
            return np.concatenate(both, axis=1).reshape(-1, latent)[start:end]

        return Weight(name, shape, rows)

    def _require(self, stored: str, shape: tuple[int, ...]) -> StoredTensor:
        tensor = self.files.tensors.get(stored)
        if tensor is None:
            raise CheckpointError(
                f"{self.files.path}: the tensor {stored} is missing. The metadata promises it; "
                "download the file again."
            )
        found = tensor.info.shape
        # Old files join the first two axes of attn_k_b and attn_v_b.
        if found != shape and found != (math.prod(shape[:-1]), shape[-1]):
            raise CheckpointError(
                f"{self.files.path}: the tensor {stored} should have the shape {shape} by the "
                f"metadata and has {found}. Download the file again."
            )
        if not _is_readable(tensor.info.kind):
            raise CheckpointError(
                f"{self.files.path}: the tensor {stored} has the type {tensor.info.kind.name}, "
                "which cannot be read. Take a file of another quantization, such as Q8_0, Q4_0 or "
                "Q4_K_M."
            )
        return tensor

    def _require_known(self) -> None:
        """Refuse tensors that the graph would leave out: the model would be another one."""
        model_type = self.config.model_type
        known = set(_IN_LAYERS[model_type].values())
        if model_type == "deepseek_v2":
            known |= set(_OF_DEEPSEEK)
        for name in self.files.tensors:
            block, _, rest = name.removeprefix("blk.").partition(".")
            is_of_layer = name.startswith("blk.") and block.isdigit() and rest in known
            if not is_of_layer and name not in _WHOLE.values():
                raise CheckpointError(
                    f"{self.files.path} holds the tensor {name}, which is unknown in a model of "
                    f"the architecture {model_type}. The model has a part that this exporter does "
                    "not build; choose another one."
                )
            if is_of_layer and int(block) >= self.config.num_hidden_layers:
                raise CheckpointError(
                    f"{self.files.path} holds the tensor {name}, but the metadata promises "
                    f"{self.config.num_hidden_layers} layers. Download the file again."
                )


def _weight(name: str, shape: tuple[int, ...], tensor: StoredTensor, rows: ReadRows) -> Weight:
    def floats(start: int, end: int) -> NDArray[np.float32]:
        if len(shape) > 1:
            return _floats(tensor, rows, start, end)
        return _floats(tensor, rows, 0, 1)[0, start:end]

    blocks = blocks_of(tensor, rows) if len(shape) > 1 else None
    return Weight(name, shape, floats, blocks)


def _floats(tensor: StoredTensor, rows: ReadRows, start: int, end: int) -> NDArray[np.float32]:
    values = gguf.quants.dequantize(rows(start, end), tensor.info.kind)
    return np.asarray(values, np.float32)


def _rows_of_halves(stored: ReadRows, head_dim: int, start: int, end: int) -> NDArray[np.uint8]:
    """Return rows of Llama's rotated projections as the checkpoint has them.

    There, the first half of a head's rows are the first numbers of all rotated pairs; in a GGUF
    the two rows of a pair are neighbours.
    """
    first = start // head_dim * head_dim
    last = -(-end // head_dim) * head_dim
    pairs = stored(first, last)
    width = pairs.shape[1]
    halves = pairs.reshape(-1, head_dim // 2, 2, width).swapaxes(1, 2).reshape(-1, width)
    return halves[start - first : end - first]


@functools.cache
def _is_readable(kind: GGMLQuantizationType) -> bool:
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    del block
    try:
        gguf.quants.dequantize(np.zeros((1, block_bytes), np.uint8), kind)
    except NotImplementedError:
        return False
    return True
