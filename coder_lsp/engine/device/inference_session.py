"""Opens a graph on the chosen provider, and checks that this is the one that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coder_lsp.engine.device.hardware import (
    CUDA_PROVIDER,
    TENSORRT_PROVIDER,
    inspect_hardware,
    inspect_memory,
)
from coder_lsp.engine.device.memory import plan_memory
from coder_lsp.engine.device.providers import (
    ProviderChoice,
    choose_cpu_after_all,
    choose_provider,
    needs_gpu,
)
from coder_lsp.engine.device.runtime import CPU, create_inference_session, preload_libraries
from coder_lsp.engine.device.sizes import context_for_memory
from coder_lsp.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from coder_lsp.engine.device.providers import ProviderName
    from coder_lsp.models.model_folder import ModelFolder
    from coder_lsp.settings import Providers


@dataclass(frozen=True, slots=True)
class OpenSession:
    """ONNX Runtime's session, what it runs on, and the context that memory is planned for."""

    session: Any
    choice: ProviderChoice
    context_tokens: int

    @property
    def device(self) -> str:
        """Where tensors should be, as ONNX Runtime names it."""
        return "cpu" if self.choice.name == "cpu" else "cuda"


def open_session(
    folder: ModelFolder,
    num_threads: int,
    providers: Providers,
    context_tokens: int,
    tensorrt_path: Path,
) -> OpenSession:
    """Plan memory, choose a provider, load the graph.

    ``context_tokens`` 0: as many as the memory allows.
    ``tensorrt_path`` is where TensorRT keeps the engines it builds. Raises ``RuntimeMissing`` and,
    with numbers and remedy, ``EngineError``.
    """
    target = folder.manifest.target
    is_gpu_wanted = needs_gpu(providers, target)
    hardware = inspect_hardware() if is_gpu_wanted else inspect_memory()
    context_tokens = context_tokens or context_for_memory(folder, hardware.memory_for(target))
    needs = plan_memory(folder, context_tokens)
    choice = choose_provider(providers, target, needs, hardware)
    try:
        session = _open(folder.graph_path, num_threads, choice, tensorrt_path)
    except EngineError as exc:
        if not choice.may_fall_back:
            raise
        choice = choose_cpu_after_all(needs, hardware, str(exc))
        session = _open(folder.graph_path, num_threads, choice, tensorrt_path)
    return OpenSession(session, choice, context_tokens)


def provider_list(
    name: ProviderName, tensorrt_path: Path
) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Return the providers with their options; each node runs on the first that supports it."""
    if name == "cpu":
        return (CPU,)
    # By default the arena grows to the next power of two, up to half more memory.
    cuda = (CUDA_PROVIDER, {"device_id": "0", "arena_extend_strategy": "kSameAsRequested"})
    if name == "cuda":
        return cuda, CPU
    path = str(tensorrt_path)
    tensorrt = (
        TENSORRT_PROVIDER,
        {
            "device_id": "0",
            "trt_fp16_enable": "1",
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": path,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": path,
        },
    )
    return tensorrt, cuda, CPU


def _open(graph_path: Path, num_threads: int, choice: ProviderChoice, tensorrt_path: Path) -> Any:
    providers = provider_list(choice.name, tensorrt_path)
    if choice.name != "cpu":
        preload_libraries()
    if choice.name == "tensorrt":
        _make_private(tensorrt_path)
    session = create_inference_session(graph_path, num_threads, providers)
    wanted, found = providers[0][0], str(session.get_providers()[0])
    if found != wanted:
        # ONNX Runtime prints why and continues without it, slowly.
        raise EngineError(
            f"ONNX Runtime could not start {wanted} and used {found}; its log names the library "
            "that failed. Run 'coder-lsp doctor', or set 'providers' to 'cpu'."
        )
    return session


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise EngineError(
            f"TensorRT's engines cannot be kept in {path}: {exc}. Permit it, or set 'providers' to "
            "'cuda'."
        ) from exc
