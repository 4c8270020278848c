"""Whether ONNX Runtime captures a decoding step as a CUDA graph, and what a replayed step costs."""

import time
from dataclasses import dataclass

import numpy as np

from coder_lsp.engine.cache.kv_cache import KVCache
from coder_lsp.engine.device.hardware import CUDA_PROVIDER
from coder_lsp.engine.device.runtime import (
    CPU,
    create_inference_session,
    load_onnxruntime,
    preload_libraries,
)
from coder_lsp.models.model_folder import ModelFolder

_NUM_STEPS = 64
_PAST = 512
_INPUTS = ("input_ids", "position_ids", "total_length", "num_logits")


@dataclass(frozen=True, slots=True)
class Capture:
    """Milliseconds of a step with capture asked for; a graph that cannot be captured raises."""

    milliseconds: float
    past: int


def try_capture(folder: ModelFolder, num_threads: int) -> Capture:
    """Capture one decoding step at fixed addresses and replay it.

    Raises ``EngineError`` or ONNX Runtime's own exception, which say what stands against it. What
    is replayed reads the same position each time: only its time is of interest.
    """
    preload_libraries()
    cuda = (CUDA_PROVIDER, {"device_id": "0", "enable_cuda_graph": "1"})
    session = create_inference_session(folder.graph_path, num_threads, (cuda, CPU))
    cache = KVCache(session, folder.manifest.cache, _PAST + 1, "cuda")
    ort_value = load_onnxruntime().OrtValue
    values = [
        ort_value.ortvalue_from_numpy(np.array([n]), "cuda", 0) for n in (1, _PAST, _PAST + 1)
    ]
    values.append(ort_value.ortvalue_from_numpy(np.array([1]), "cuda", 0))
    logits = np.zeros((1, folder.manifest.architecture.vocab_size), np.float32)
    binding = cache.bind(_PAST + 1)
    for name, value in zip(_INPUTS, values, strict=True):
        binding.bind_ortvalue_input(name, value)
    binding.bind_ortvalue_output("logits", ort_value.ortvalue_from_numpy(logits, "cuda", 0))
    for _ in range(3):  # the first runs allocate, then one captures
        session.run_with_iobinding(binding)
    started = time.perf_counter()
    for _ in range(_NUM_STEPS):
        session.run_with_iobinding(binding)
    return Capture(1000 * (time.perf_counter() - started) / _NUM_STEPS, _PAST)
