"""What an NVIDIA driver and its libraries report; every question has an answer without them.

Nothing here creates a CUDA context: that would take memory of the GPU before it is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TENSORRT_MAJOR = 10
"""ONNX Runtime's TensorRT provider is linked against libnvinfer.so.10; 11 does not load."""

_IS_WINDOWS = sys.platform == "win32"
_DRIVER = "nvcuda.dll" if _IS_WINDOWS else "libcuda.so.1"
_SMI_SECONDS = 10
_SMI_QUERY = (
    "--query-gpu=name,memory.total,memory.free,pci.bus_id",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """``free_bytes`` are those now; other programs may take them. ``bus_id`` is that of PCI."""

    name: str
    total_bytes: int
    free_bytes: int
    bus_id: str = ""


def driver_cuda() -> tuple[int, int] | None:
    """Return the newest version of CUDA that the driver supports; None without a driver."""
    driver = _load(_DRIVER)
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
    """Return the GPUs and their memory by NVML or nvidia-smi; the one that CUDA takes comes first.

    The driver's order is another than CUDA's, which puts the fastest first and leaves out what
    CUDA_VISIBLE_DEVICES does not name. Empty if neither answers.
    """
    gpus = _ask_nvml() or _ask_smi()
    first = _first_bus_id()
    if first is None:
        return gpus
    return tuple(sorted(gpus, key=lambda gpu: _bus_number(gpu.bus_id) != _bus_number(first)))


def tensorrt_version() -> str | None:
    """Load the TensorRT library so that the provider finds it; return its version.

    Another major version is found too, so that a message can name it.
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
        fields = [field.strip() for field in line.rsplit(",", 3)]
        # A GPU that shares the system's memory, or one that has failed, has no numbers.
        with contextlib.suppress(ValueError):
            name, total, free, bus_id = fields
            gpus.append(Gpu(name, int(total) << 20, int(free) << 20, bus_id))
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
    bus_id = nvml.nvmlDeviceGetPciInfo(handle).busId
    name = nvml.nvmlDeviceGetName(handle)
    return Gpu(_str(name), int(memory.total), int(memory.free), _str(bus_id))


def _first_bus_id() -> str | None:
    """Return the PCI bus id of the GPU that is CUDA's first; None if CUDA sees none."""
    driver = _load(_DRIVER)
    device, text = ctypes.c_int(0), ctypes.create_string_buffer(32)
    if driver is None or driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    failed = driver.cuDeviceGetPCIBusId(text, len(text), device)
    return None if failed else text.value.decode("ascii", "replace")


def _bus_number(bus_id: str) -> tuple[int, ...]:
    """Return a bus id as numbers; NVML writes 00000000:01:00.0 for what CUDA calls 0000:01:00.0."""
    with contextlib.suppress(ValueError):
        return tuple(int(part, 16) for part in bus_id.replace(".", ":").split(":"))
    return ()


def find_smi(path_variable: str, system_root: str | None) -> Path | None:
    """Return the program nvidia-smi; None if it is not installed.

    Only absolute folders are searched: the open folder, which may be anybody's, is the server's
    current one, and Windows looks there first. ``system_root`` is None but on Windows.
    """
    folders = [Path(folder) for folder in path_variable.split(os.pathsep)]
    name = "nvidia-smi"
    if system_root is not None:
        folders, name = [Path(system_root, "System32"), *folders], "nvidia-smi.exe"
    found = (folder / name for folder in folders if folder.is_absolute())
    return next((p for p in found if p.is_file() and os.access(p, os.X_OK)), None)


def _ask_smi() -> tuple[Gpu, ...]:
    system_root = os.environ.get("SYSTEMROOT", r"C:\Windows") if _IS_WINDOWS else None
    program = find_smi(os.environ.get("PATH", ""), system_root)
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


def _str(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _load(name: str) -> Any:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None
