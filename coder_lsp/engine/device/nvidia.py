"""What an NVIDIA driver and its libraries tell; every question has an answer without them.

Nothing here creates a CUDA context: that would take memory of the GPU before anyone asked for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TENSORRT_MAJOR = 10
"""ONNX Runtime's TensorRT provider is linked against libnvinfer.so.10; 11 does not load."""

_IS_WINDOWS = sys.platform == "win32"
_SMI_SECONDS = 10
_SMI_QUERY = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpu:
    """``free_bytes`` at the time of asking; other programs may take it any moment."""

    name: str
    total_bytes: int
    free_bytes: int


def driver_cuda() -> tuple[int, int] | None:
    """Return the newest version of CUDA that the driver can do; None where there is no driver."""
    driver = _load("nvcuda.dll" if _IS_WINDOWS else "libcuda.so.1")
    version = ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return None
    return version.value // 1000, version.value % 1000 // 10


def missing_libraries(cuda_major: int) -> tuple[str, ...]:
    """Return the libraries that ONNX Runtime's CUDA provider needs and that cannot be loaded."""
    if _IS_WINDOWS:
        names = [f"{stem}64_{cuda_major}.dll" for stem in ("cudart", "cublas", "cublasLt")]
    else:
        names = [f"lib{stem}.so.{cuda_major}" for stem in ("cudart", "cublas", "cublasLt")]
    return tuple(name for name in names if _load(name) is None)


def find_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs and their memory, by NVML or else by nvidia-smi; none where neither tells."""
    return _ask_nvml() or _ask_smi()


def tensorrt_version() -> str | None:
    """Return the version of the TensorRT library here; loading it, so that the provider finds it.

    Another major version is found too, so that it can be named.
    """
    for major in (TENSORRT_MAJOR, *range(TENSORRT_MAJOR + 3, TENSORRT_MAJOR - 3, -1)):
        library = _load_tensorrt(major)
        if library is not None:
            return _tensorrt_version_of(library, major)
    return None


def parse_smi(output: str) -> tuple[Gpu, ...]:
    """Read what nvidia-smi prints: a line for each GPU, sizes in mebibytes."""
    gpus = []
    for line in output.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 2)]
        # A GPU that shares the system's memory, or one that fell off the bus, has no numbers.
        with contextlib.suppress(ValueError):
            name, total, free = fields
            gpus.append(Gpu(name, int(total) << 20, int(free) << 20))
    return tuple(gpus)


def _ask_nvml() -> tuple[Gpu, ...]:
    try:
        import pynvml  # noqa: PLC0415 (optional: package nvidia-ml-py)
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(_describe(pynvml, handle) for handle in handles)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _describe(nvml: Any, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(str(nvml.nvmlDeviceGetName(handle)), int(memory.total), int(memory.free))


def _ask_smi() -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        finished = subprocess.run(  # noqa: S603 (the driver's own program)
            [program, *_SMI_QUERY], capture_output=True, text=True, check=True, timeout=_SMI_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_smi(finished.stdout)


def _load_tensorrt(major: int) -> Any:
    """Load TensorRT and its parser from the system, or from its wheel, which is not searched."""
    suffix = f"_{major}.dll" if _IS_WINDOWS else f".so.{major}"
    prefix = "" if _IS_WINDOWS else "lib"
    found = None
    for stem in ("nvinfer", "nvonnxparser"):
        name = f"{prefix}{stem}{suffix}"
        library = _load(name) or _load_from_wheel(name)
        found = found or library
    return found


def _load_from_wheel(name: str) -> Any:
    spec = importlib.util.find_spec("tensorrt_libs")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        library = _load(str(Path(folder) / name))
        if library is not None:
            return library
    return None


def _tensorrt_version_of(library: Any, major: int) -> str:
    try:
        version = int(library.getInferLibVersion())
    except AttributeError:
        return str(major)
    # 10.13.3 is 101303; before version 10 the first factor was 1000.
    return f"{major}.{version // 100 % 100}"


def _load(name: str) -> Any:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None
