"""The paged variant on CUDA: one sequence in blocks, compared with the standard graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gpu.parity import PROMPT_CHUNKS, all_logits, prompt_ids
from coder_lsp.engine.device.hardware import CUDA_PROVIDER
from coder_lsp.engine.device.runtime import (
    CPU,
    create_inference_session,
    load_onnxruntime,
    preload_libraries,
)
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import LatentLayout, ModelFolder
from onnx_export.agreement import max_abs_error

BLOCK_SIZE = 256
_NUM_REWOUND = 40


@dataclass(frozen=True, slots=True)
class PagedParity:
    """How far the paged graph on CUDA is from the standard one on the CPU, at first and rewound."""

    num_prompt_tokens: int
    max_abs_logit_error: float
    after_rewind_max_abs_error: float


class PagedSequence:
    """One sequence, whose blocks lie in order; a rewind is a lower offset."""

    def __init__(self, session: Any, layout: LatentLayout, capacity: int, device: str) -> None:
        self.offset = 0
        self._session = session
        self._num_blocks = -(-capacity // BLOCK_SIZE)
        shape = (self._num_blocks, BLOCK_SIZE, 1, layout.width)
        self._binding = session.io_binding()
        ort_value = load_onnxruntime().OrtValue
        self._values = [
            ort_value.ortvalue_from_numpy(np.zeros(shape, layout.dtype), device, 0)
            for _ in range(layout.num_layers)
        ]
        for layer, value in enumerate(self._values):
            self._binding.bind_ortvalue_input(f"past.{layer}", value)
            self._binding.bind_ortvalue_output(f"present.{layer}", value)

    def append(self, token_ids: Sequence[int]) -> NDArray[np.float32]:
        """Read tokens; return the logits of each."""
        for name, array in self.inputs(token_ids).items():
            self._binding.bind_cpu_input(name, array)
        self._binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(self._binding)
        self.offset += len(token_ids)
        names = [output.name for output in self._session.get_outputs()]
        logits: NDArray[np.float32] = self._binding.get_outputs()[names.index("logits")].numpy()
        return logits.astype(np.float32)

    def inputs(self, token_ids: Sequence[int]) -> Mapping[str, NDArray[Any]]:
        """Return what a run over these tokens is given; see ``onnx_export``'s ``Pages``."""
        start, number = self.offset, len(token_ids)
        positions = np.arange(start, start + number)
        return {
            "input_ids": np.asarray(token_ids, np.int64),
            "position_ids": positions.astype(np.int64),
            "total_length": np.array([start + number], np.int64),
            "num_logits": np.array([number], np.int64),
            "cumulative_sequence_length": np.array([0, number], np.int32),
            "past_seqlens": np.array([start], np.int32),
            "block_table": np.arange(self._num_blocks, dtype=np.int32)[None],
            "slot_mapping": positions.astype(np.int32),  # blocks in order: the slot is the position
            "attention_metadata": np.array([number, start + number], np.int32),
        }


def compare_paged(standard: ModelFolder, paged_graph: Path, num_threads: int) -> PagedParity:
    """Read the same tokens by both graphs, which have the same weights.

    Raises ``EngineError`` or ONNX Runtime's own exception.
    """
    layout = standard.manifest.cache
    assert isinstance(layout, LatentLayout)
    prompt = prompt_ids(standard)
    expected = all_logits(ModelRunner(standard, num_threads, "cpu"), prompt)
    preload_libraries()
    session = create_inference_session(
        paged_graph, num_threads, ((CUDA_PROVIDER, {"device_id": "0"}), CPU)
    )
    sequence = PagedSequence(session, layout, len(prompt), "cuda")
    parts, start = [], 0
    for size in PROMPT_CHUNKS:
        parts.append(sequence.append(prompt[start : start + size]))
        start += size
    sequence.offset -= _NUM_REWOUND
    again = sequence.append(prompt[-_NUM_REWOUND:])
    return PagedParity(
        num_prompt_tokens=len(prompt),
        max_abs_logit_error=max_abs_error(np.concatenate(parts), expected),
        after_rewind_max_abs_error=max_abs_error(again, expected[-_NUM_REWOUND:]),
    )
