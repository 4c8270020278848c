"""ONNX Runtime itself: found, or missed with a remedy; asked what it can do; told to load."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from coder_lsp.errors import EngineError, RuntimeMissing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CPU: tuple[str, Mapping[str, str]] = ("CPUExecutionProvider", MappingProxyType({}))

_log = logging.getLogger(__name__)

# Measured: 10 to 50 are alike on a quiet machine, and 20 costs a busy one least.
_SPIN_MICROSECONDS = "20"

_REMEDY = (
    "ONNX Runtime is not installed. Install it for the CPU with\n"
    '    pip install "coder-lsp[cpu]"\n'
    "or for an NVIDIA GPU with\n"
    '    pip install "coder-lsp[cuda]"\n'
    "but never both: the two packages overwrite each other."
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
    """Return the execution providers this build has, best first. Raises ``RuntimeMissing``."""
    return tuple(load_onnxruntime().get_available_providers())


def runtime_cuda() -> int | None:
    """Return the major version of CUDA that this build wants; None for one without CUDA."""
    version = str(getattr(load_onnxruntime(), "cuda_version", "") or "")
    major = version.partition(".")[0]
    return int(major) if major.isdigit() else None


def preload_libraries() -> None:
    """Load the CUDA libraries that came as Python packages, which the system does not search.

    What ONNX Runtime prints of it goes to the log: standard output belongs to the editor.
    """
    onnxruntime = load_onnxruntime()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(RuntimeError, OSError):
        onnxruntime.preload_dlls()
    if printed.getvalue():
        _log.info("ONNX Runtime says of CUDA's libraries: %s", printed.getvalue().strip())


def choose_num_threads(setting: int) -> int:
    """Return the number of threads for a setting, where 0 means: choose by the machine.

    Half of many logical processors: decoding waits for memory, which hyper-threads share, and the
    editor needs the rest.
    """
    if setting > 0:
        return setting
    processors = os.cpu_count() or 1
    return processors if processors <= 4 else min(processors // 2, 8)  # noqa: PLR2004


def create_inference_session(
    graph_path: Path,
    num_threads: int,
    providers: Sequence[tuple[str, Mapping[str, str]]] = (CPU,),
) -> Any:
    """Load a graph on the first provider that takes a node, and the next for what it leaves.

    Raises ``RuntimeMissing`` and ``EngineError``.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Plans of memory are kept for each length of a sequence that was ever seen.
    options.enable_mem_pattern = False
    # Between two nodes of a token it is cheaper to spin than to sleep and be woken. Spinning for
    # longer takes the processor from the editor, and is slower when the processor is busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
    try:
        # With its fallback the library would go on without a provider that failed, and print so on
        # standard output, which belongs to the editor.
        return onnxruntime.InferenceSession(
            str(graph_path),
            options,
            providers=[(name, dict(o)) for name, o in providers],
            enable_fallback=0,
        )
    except Exception as exc:  # ONNX Runtime's exceptions have no common base
        name = providers[0][0]
        remedy = "Export or install the model again."
        if name != CPU[0]:
            remedy = "Close what else uses the GPU, or set 'providers' to 'cpu'."
        raise EngineError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {graph_path} for {name}: {exc}. "
            f"{remedy}"
        ) from exc
