"""Between our parameters and a Hugging Face folder of ``DeepseekV2ForCausalLM``.

Ours keep gate and up in one matrix and the experts of a layer in one tensor; the checkpoint has
them apart.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.errors import TrainingError
from training.recipe import ModelShape

_FIXED = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "q_lora_rank": None,
    "hidden_act": "silu",
    "topk_method": "greedy",
    "n_group": 1,
    "topk_group": 1,
    "norm_topk_prob": False,
    "scoring_func": "softmax",
    "routed_scaling_factor": 1.0,
    "attention_bias": False,
    "tie_word_embeddings": True,
    "rope_scaling": None,
    "dtype": "bfloat16",
    "moe_layer_freq": 1,
    "bos_token_id": 0,
    "eos_token_id": 1,
}


def save_huggingface(
    folder: Path, shape: ModelShape, parameters: dict[str, Tensor], tokenizer: Path, card: Any
) -> None:
    """Write a folder that is whole or not there; matrices as bf16, norms and router as fp32.

    ``card`` becomes training.json (``training.train.card``).
    """
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    _write_folder(partial, shape, parameters, tokenizer, card)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def load_huggingface(folder: Path, shape: ModelShape) -> dict[str, Tensor]:
    """Read a folder's parameters by our names. Raises ``TrainingError`` on another shape."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name, expected in asdict(shape).items():
        if config.get(name) != expected:
            raise TrainingError(
                f"{folder}: {name} is {config.get(name)!r}, the recipe has {expected!r}."
            )
    return fuse_parameters(load_file(folder / "model.safetensors"), shape)


def split_parameters(parameters: dict[str, Tensor], shape: ModelShape) -> dict[str, Tensor]:
    """Turn our names and fused tensors into the checkpoint's."""
    split = {}
    for name, tensor in parameters.items():
        stem = f"model.{name}"
        if name.endswith("mlp.gate"):
            split[f"{stem}.weight"] = tensor
        elif name.endswith(("mlp.gate_up_proj", "mlp.down_proj")):
            for expert in range(shape.n_routed_experts):
                inside = stem.replace(".mlp.", f".mlp.experts.{expert}.")
                split |= _split_gate_up(f"{inside}.weight", tensor[expert])
        else:
            split |= _split_gate_up(stem, tensor)
    return {name: tensor.detach().clone().contiguous() for name, tensor in split.items()}


def fuse_parameters(tensors: dict[str, Tensor], shape: ModelShape) -> dict[str, Tensor]:
    """Turn the checkpoint's names and tensors into ours, as fp32."""
    tensors = {name.removeprefix("model."): t.float() for name, t in tensors.items()}
    fused = {}
    for name, tensor in tensors.items():
        if "gate_proj" in name:
            up = tensors[name.replace("gate_proj", "up_proj")]
            fused[name.replace("gate_proj", "gate_up_proj")] = torch.cat((tensor, up))
        elif name.endswith("mlp.gate.weight"):
            fused[name.removesuffix(".weight")] = tensor
        elif "up_proj" not in name and name != "lm_head.weight":
            fused[name] = tensor
    return _stack_experts(fused, shape)


def _write_folder(
    folder: Path, shape: ModelShape, parameters: dict[str, Tensor], tokenizer: Path, card: Any
) -> None:
    tensors = {n: _narrow(n, t) for n, t in split_parameters(parameters, shape).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = _FIXED | asdict(shape) | {"num_key_value_heads": shape.num_attention_heads}
    _write_json(folder / "config.json", config)
    _write_json(folder / "training.json", card)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    settings = {
        "bos_token": "<｜begin▁of▁sentence｜>",
        "eos_token": "<｜end▁of▁sentence｜>",
        "model_max_length": 1024,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "add_eos_token": False,
    }
    _write_json(folder / "tokenizer_config.json", settings)


def _stack_experts(tensors: dict[str, Tensor], shape: ModelShape) -> dict[str, Tensor]:
    stacked = {name: t for name, t in tensors.items() if ".experts." not in name}
    for name in tensors:
        if ".experts.0." in name:
            experts = range(shape.n_routed_experts)
            parts = [tensors[name.replace(".experts.0.", f".experts.{e}.")] for e in experts]
            stem = name.replace(".experts.0.", ".").removesuffix(".weight")
            stacked[stem] = torch.stack(parts)
    return stacked


def _split_gate_up(name: str, tensor: Tensor) -> dict[str, Tensor]:
    if "gate_up_proj" not in name:
        return {name: tensor}
    gate, up = tensor.chunk(2)
    return {
        name.replace("gate_up_proj", "gate_proj"): gate,
        name.replace("gate_up_proj", "up_proj"): up,
    }


def _narrow(name: str, tensor: Tensor) -> Tensor:
    is_matrix = tensor.dim() >= 2 and not name.endswith("mlp.gate.weight")
    return tensor.to(torch.bfloat16 if is_matrix else torch.float32)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
