"""Which execution provider runs a model: chosen by a description of the machine alone.

``auto`` takes the GPU if the model was made for one and everything that it needs is there;
otherwise it takes the CPU and says why. ``cuda`` and ``tensorrt`` are orders: whatever prevents
them is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from coder_lsp.engine.device.hardware import CUDA_PROVIDER, TENSORRT_PROVIDER, Hardware
from coder_lsp.engine.device.memory import MemoryNeeds, size_text
from coder_lsp.engine.device.nvidia import TENSORRT_MAJOR
from coder_lsp.errors import EngineError

if TYPE_CHECKING:
    from coder_lsp.settings import Providers

ProviderName = Literal["cpu", "cuda", "tensorrt"]
Target = Literal["cpu", "cuda"]

_USE_CPU = "or set 'providers' to 'cpu'"


@dataclass(frozen=True, slots=True)
class ProviderChoice:
    """What a model runs on.

    ``cache_bytes`` is the memory that is left for KV caches; None if that is unknown.
    ``notices`` say why it is not the GPU and what the user can do; empty: nothing is wrong.
    ``may_fall_back``: whether the CPU is used if the provider fails.
    """

    name: ProviderName
    cache_bytes: int | None = None
    notices: tuple[str, ...] = ()
    may_fall_back: bool = False


def needs_gpu(setting: Providers, target: Target) -> bool:
    """Whether a GPU is considered; looking for one takes time."""
    return setting in {"cuda", "tensorrt"} or (setting == "auto" and target == "cuda")


def choose_provider(
    setting: Providers, target: Target, needs: MemoryNeeds, hardware: Hardware
) -> ProviderChoice:
    """Choose for a model exported for ``target``. Raises ``EngineError`` with the remedy."""
    if not needs_gpu(setting, target):
        return _choose_cpu(needs, hardware, _slow_notices(target))
    problem = cuda_problem(target, needs, hardware)
    if setting == "tensorrt" and problem is None:
        problem = _tensorrt_problem(hardware)
    if problem is None:
        name: ProviderName = "tensorrt" if setting == "tensorrt" else "cuda"
        gpu = hardware.gpus[0] if hardware.gpus else None
        left = None if gpu is None else needs.left_for_cache(gpu.free_bytes)
        return ProviderChoice(name, left, may_fall_back=setting == "auto")
    if setting != "auto":
        raise EngineError(f"The setting providers asks for {setting}. {problem}")
    return _choose_cpu(needs, hardware, (fallen_back(problem),))


def choose_cpu_after_all(needs: MemoryNeeds, hardware: Hardware, problem: str) -> ProviderChoice:
    """Choose the CPU because the GPU failed. Raises ``EngineError`` if memory does not suffice."""
    return _choose_cpu(needs, hardware, (fallen_back(problem),))


def fallen_back(problem: str) -> str:
    """Return the notice that the model runs on the CPU instead of the GPU."""
    return f"Completions run on the CPU, not on the GPU, and are slow. {problem}"


def cuda_problem(target: Target, needs: MemoryNeeds, hardware: Hardware) -> str | None:
    """Return what prevents running a model on the GPU, with its remedy; None: nothing."""
    problem = machine_problem(hardware)
    if problem is None and target == "cpu":
        problem = (
            "This model was exported for the CPU, and the GPU's kernels need another form. "
            f"Install it again with --target cuda, {_USE_CPU}."
        )
    return problem or _memory_problem(needs, hardware)


def machine_problem(hardware: Hardware) -> str | None:
    """Return what prevents running any model on the GPU, with its remedy; None: nothing."""
    if CUDA_PROVIDER not in hardware.providers:
        return (
            "ONNX Runtime here is the build for the CPU. Run\n"
            "    pip uninstall onnxruntime\n"
            '    pip install "coder-lsp[cuda]"\n'
            f"{_USE_CPU}."
        )
    if hardware.driver_cuda is None:
        return (
            "No NVIDIA driver was found. Install it, and see that nvidia-smi shows your GPU "
            f"(in a container, pass the GPU in), {_USE_CPU}."
        )
    if hardware.runtime_cuda is not None and hardware.driver_cuda[0] < hardware.runtime_cuda:
        found = ".".join(map(str, hardware.driver_cuda))
        return (
            f"The NVIDIA driver supports CUDA up to {found}; ONNX Runtime here needs CUDA "
            f"{hardware.runtime_cuda}. Update the driver, {_USE_CPU}."
        )
    if hardware.missing_libraries:
        names = ", ".join(hardware.missing_libraries)
        return (
            f"These libraries of CUDA cannot be loaded: {names}. Run\n"
            '    pip install --force-reinstall "coder-lsp[cuda]"\n'
            f"{_USE_CPU}."
        )
    return None


def _memory_problem(needs: MemoryNeeds, hardware: Hardware) -> str | None:
    if not hardware.gpus:
        return None  # unknown; if it is too little, ONNX Runtime fails
    gpu = hardware.gpus[0]  # CUDA's first, which the providers' options name
    if gpu.free_bytes >= needs.total:
        return None
    return (
        f"The model needs {needs} of the GPU's memory; {size_text(gpu.free_bytes)} of "
        f"{size_text(gpu.total_bytes)} is free on {gpu.name}. Close what else uses the GPU, lower "
        f"contextTokens, install the model with a smaller --precision, {_USE_CPU}."
    )


def _tensorrt_problem(hardware: Hardware) -> str | None:
    if TENSORRT_PROVIDER not in hardware.providers:
        return "ONNX Runtime here has no TensorRT provider. Set 'providers' to 'cuda'."
    install = (
        f'pip install "tensorrt-cu{hardware.runtime_cuda or 12}-libs'
        f'>={TENSORRT_MAJOR},<{TENSORRT_MAJOR + 1}"'
    )
    if hardware.tensorrt is None:
        return (
            f"TensorRT {TENSORRT_MAJOR} was not found. Run\n    {install}\n"
            "or set 'providers' to 'cuda'."
        )
    if hardware.tensorrt.partition(".")[0] != str(TENSORRT_MAJOR):
        return (
            f"TensorRT {hardware.tensorrt} was found; ONNX Runtime here works with "
            f"{TENSORRT_MAJOR} only. Run\n    {install}\nor set 'providers' to 'cuda'."
        )
    return None


def _choose_cpu(needs: MemoryNeeds, hardware: Hardware, notices: tuple[str, ...]) -> ProviderChoice:
    if needs.total > hardware.memory_bytes:
        raise EngineError(
            f"The model needs {needs} of memory, and {size_text(hardware.memory_bytes)} is "
            "available (including swap). Close other programs, lower contextTokens, or install a "
            "smaller model or --precision."
        )
    return ProviderChoice("cpu", needs.left_for_cache(hardware.memory_bytes), notices)


def _slow_notices(target: Target) -> tuple[str, ...]:
    if target == "cpu":
        return ()
    notice = (
        "This model was exported for the GPU and runs on the CPU, because the setting providers "
        "says so. Installed with --target cpu it would be faster there."
    )
    return (notice,)
