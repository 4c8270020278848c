"""A description of the machine that a model could run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coder_lsp.engine.device import nvidia
from coder_lsp.engine.device.memory import available_memory
from coder_lsp.engine.device.runtime import available_providers, preload_libraries, runtime_cuda

CUDA_PROVIDER = "CUDAExecutionProvider"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"


@dataclass(frozen=True, slots=True)
class Hardware:
    """``providers`` are those that ONNX Runtime was built with, whether they work here or not.

    ``runtime_cuda`` is the major version of CUDA that it was built for, ``driver_cuda`` the newest
    one that the driver supports; None without a driver. ``missing_libraries`` are those of CUDA
    that cannot be loaded. ``tensorrt`` is the version of TensorRT that was found. ``gpus`` is also
    empty if there is a GPU whose memory is unknown.
    """

    providers: tuple[str, ...]
    memory_bytes: int
    runtime_cuda: int | None = None
    driver_cuda: tuple[int, int] | None = None
    gpus: tuple[nvidia.Gpu, ...] = ()
    missing_libraries: tuple[str, ...] = ()
    tensorrt: str | None = None

    def memory_for(self, target: Literal["cpu", "cuda"]) -> int:
        """Return the free bytes where a model exported for ``target`` should run."""
        is_gpu_known = target == "cuda" and self.gpus
        return self.gpus[0].free_bytes if is_gpu_known else self.memory_bytes

    @property
    def has_gpu(self) -> bool:
        """Whether an NVIDIA driver answers."""
        return self.driver_cuda is not None


def inspect_hardware() -> Hardware:
    """Look at memory, driver, GPUs and libraries. Raises ``RuntimeMissing``."""
    providers = available_providers()
    driver = nvidia.driver_cuda()
    cuda = runtime_cuda()
    is_cuda = CUDA_PROVIDER in providers and driver is not None
    if is_cuda:
        preload_libraries()
    return Hardware(
        providers=providers,
        memory_bytes=available_memory(),
        runtime_cuda=cuda,
        driver_cuda=driver,
        gpus=nvidia.find_gpus() if driver is not None else (),
        missing_libraries=nvidia.missing_libraries(cuda) if is_cuda and cuda is not None else (),
        tensorrt=nvidia.tensorrt_version() if is_cuda else None,
    )


def inspect_memory() -> Hardware:
    """Look at the memory only, because no GPU is considered. Raises ``RuntimeMissing``."""
    return Hardware(available_providers(), available_memory())
