"""The seeded checkpoints whose logits are compared with the reference's, under a name each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from testing.tiny_checkpoint import TINY_CONFIG, tiny_tensors, write_tiny_checkpoint
from testing.tiny_llama import TINY_LLAMA_CONFIG, tiny_llama_tensors, write_tiny_llama
from testing.tiny_qwen2 import TINY_QWEN2_CONFIG, tiny_qwen2_tensors, write_tiny_qwen2


@dataclass(frozen=True, slots=True)
class TinyVariant:
    """``write`` fills a folder and returns it; ``tensors`` are its weights."""

    name: str
    vocab_size: int
    write: Callable[[Path], Path]
    tensors: Callable[[], dict[str, npt.NDArray[np.float32]]]


def _llama(name: str, **changes: Any) -> TinyVariant:
    config = {**TINY_LLAMA_CONFIG, **changes}
    return TinyVariant(
        name,
        config["vocab_size"],
        partial(write_tiny_llama, **changes),
        partial(tiny_llama_tensors, config),
    )


def _qwen2(name: str, **changes: Any) -> TinyVariant:
    config = {**TINY_QWEN2_CONFIG, **changes}
    return TinyVariant(
        name,
        config["vocab_size"],
        partial(write_tiny_qwen2, **changes),
        partial(tiny_qwen2_tensors, config),
    )


TINY_VARIANTS = (
    TinyVariant("tiny", TINY_CONFIG["vocab_size"], write_tiny_checkpoint, tiny_tensors),
    _llama("tiny_llama"),
    _llama("tiny_llama_all_heads", num_key_value_heads=4, tie_word_embeddings=True, head_dim=48),
    _qwen2("tiny_qwen2"),
    _qwen2("tiny_qwen2_one_key_head", num_key_value_heads=1, tie_word_embeddings=False),
)
