"""ONNX Runtime itself: its import, its version, its providers and its sessions."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from coder_lsp.engine.device.cgroup import processor_quota
from coder_lsp.errors import CoderError, EngineError, OutOfMemory, RuntimeMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

CPU: tuple[str, Mapping[str, str]] = ("CPUExecutionProvider", MappingProxyType({}))

_log = logging.getLogger(__name__)

# Measured: 10 to 50 are equal on a quiet machine, and 20 costs a busy one least.
_SPIN_MICROSECONDS = "20"

_REMEDY = (
    "ONNX Runtime is not installed. Install it for the CPU with\n"
    '    pip install "coder-lsp[cpu]"\n'
    "or for an NVIDIA GPU with\n"
    '    pip install "coder-lsp[cuda]"\n'
    "but never both: the two packages overwrite each other."
)


_REPORT = "Run 'coder-lsp doctor'; if it passes, please report this with its output."
_SAVE = "Close other programs, or lower contextTokens or cacheMegabytes."
_OUT_OF_MEMORY = re.compile(
    "out of memory|bad_alloc|failed to allocate|memory allocation", re.IGNORECASE
)


def load_onnxruntime() -> Any:
    """Import ONNX Runtime. Raises ``RuntimeMissing`` with the command that installs it."""
    try:
        import onnxruntime  # noqa: PLC0415 (takes 0.2 s, and its absence must be explained)
    except ImportError as exc:
        raise RuntimeMissing(f"{_REMEDY}\n({exc})") from exc
    if not hasattr(onnxruntime, "InferenceSession"):  # pip left an empty folder behind
        raise RuntimeMissing(_REMEDY)
    return onnxruntime


def runtime_version() -> str:
    """Return ONNX Runtime's version. Raises ``RuntimeMissing``."""
    return str(load_onnxruntime().__version__)


def available_providers() -> tuple[str, ...]:
    """Return the execution providers of this build, best first. Raises ``RuntimeMissing``."""
    return tuple(load_onnxruntime().get_available_providers())


def runtime_cuda() -> int | None:
    """Return the major version of CUDA that this build needs; None for one without CUDA."""
    version = str(getattr(load_onnxruntime(), "cuda_version", "") or "")
    major = version.partition(".")[0]
    return int(major) if major.isdigit() else None


def preload_libraries() -> None:
    """Load the CUDA libraries that came as Python packages, which the system does not search.

    What ONNX Runtime prints meanwhile goes to the log: standard output belongs to the editor.
    """
    onnxruntime = load_onnxruntime()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(RuntimeError, OSError):
        onnxruntime.preload_dlls()
    if printed.getvalue():
        _log.info("ONNX Runtime printed about CUDA's libraries: %s", printed.getvalue().strip())


def choose_num_threads(setting: int) -> int:
    """Return the number of threads for a setting; 0 means half of many logical processors.

    Decoding waits for memory, which hyper-threads share, and the editor needs the rest.
    """
    if setting > 0:
        return setting
    processors = usable_processors()
    return processors if processors <= 4 else min(processors // 2, 8)  # noqa: PLR2004


def usable_processors() -> int:
    """Return how many processors this process may use, by its affinity and by a quota."""
    # Not everywhere, and not in every sandbox.
    with contextlib.suppress(AttributeError, OSError):
        return min(len(os.sched_getaffinity(0)), processor_quota() or sys.maxsize)
    return os.cpu_count() or 1


def create_inference_session(
    graph_path: Path,
    num_threads: int,
    providers: Sequence[tuple[str, Mapping[str, str]]] = (CPU,),
) -> Any:
    """Load a graph; each node runs on the first provider that supports it.

    Raises ``RuntimeMissing`` and ``EngineError``.
    """
    onnxruntime = load_onnxruntime()
    name = providers[0][0]
    remedy = "Export or install the model again."
    if name != CPU[0]:
        remedy = "Close what else uses the GPU, or set 'providers' to 'cpu'."
    action = f"ONNX Runtime {onnxruntime.__version__} cannot load {graph_path} for {name}"
    with translating(action, remedy):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Plans of memory are kept for each length of a sequence that was ever seen.
        options.enable_mem_pattern = False
        # Between two nodes of a token it is cheaper to spin than to sleep and be woken. Spinning
        # for longer takes the processor from the editor, and is slower on a busy machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
        # The library's fallback would continue without a provider that failed, and print that on
        # standard output, which belongs to the editor.
        return onnxruntime.InferenceSession(
            str(graph_path),
            options,
            providers=[(name, dict(o)) for name, o in providers],
            enable_fallback=0,
        )


@contextlib.contextmanager
def translating(failure: str, remedy: str = _REPORT) -> Iterator[None]:
    """Turn what ONNX Runtime and numpy raise into ``EngineError`` and ``OutOfMemory``.

    ``failure`` says what did not succeed. The exceptions of ONNX Runtime have no common base.
    """
    try:
        yield
    except CoderError:
        raise
    except Exception as exc:
        if isinstance(exc, MemoryError) or _OUT_OF_MEMORY.search(str(exc)):
            raise OutOfMemory(
                f"{failure}: memory does not suffice ({exc}). {_SAVE}", kind=failure
            ) from exc
        raise EngineError(f"{failure}: {exc}. {remedy}", kind=failure) from exc
