"""The exporter as a child process: ``python -m onnx_export … --progress json``.

The child writes one JSON object a line to its standard output: ``{"phase", "done", "total",
"unit", "seconds_left"}`` while it works, and ``{"phase": "error", "message"}`` or ``{"phase":
"done", "output_dir"}`` at its end. The exporter's libraries are an extra, and the system gets the
child's memory back when it ends.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from coder_lsp.errors import InstallError

Precision = Literal["int4", "int8", "fp16", "fp32", "keep"]
Target = Literal["cpu", "cuda"]

_STOPPING_SECONDS = 10
_NUM_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far the export is. ``total`` is 0, and ``seconds_left`` None, until it is known."""

    phase: str
    done: int
    total: int
    unit: str
    seconds_left: float | None


OnProgress = Callable[[ExportProgress], None]


def ask_exporter(*arguments: str) -> Any:
    """Return the JSON that the exporter prints as its last line.

    Raises ``InstallError``: with the exporter's own message, or with what its libraries need.
    """
    finished = subprocess.run(  # noqa: S603 (our own module, by this interpreter)
        [*_COMMAND, *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    answer = _as_object(finished.stdout.strip().rpartition("\n")[2])
    if answer is not None and answer.get("phase") == "error":
        raise InstallError(str(answer.get("message")))
    if finished.returncode != 0 or answer is None:
        raise InstallError(
            'The exporter cannot be run. Install what it needs with\n    pip install "coder-lsp'
            f'[install]"\n({_last_lines(finished.stderr)})'
        )
    return answer


def check_export(source: Path, out_dir: Path, options: Sequence[str]) -> None:
    """Raise ``InstallError`` if an export would fail for a reason that needs no weights."""
    run_export(source, out_dir, [*options, "--check"], lambda _: None)


def run_export(
    source: Path, out_dir: Path, options: Sequence[str], on_progress: OnProgress
) -> None:
    """Export the checkpoint or GGUF file ``source`` to the model folder ``out_dir``.

    Raises ``InstallError`` with the exporter's own message. An interrupted child is given time to
    keep what it has, so that the next run can continue.
    """
    command = [*_COMMAND, str(source), str(out_dir), *options, "--progress", "json"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        error = ""
        with _started(command, stderr) as process:
            for event in _events(process):
                if event.get("phase") == "error":
                    error = str(event.get("message"))
                elif event.get("phase") != "done":
                    on_progress(_progress(event))
        if process.returncode != 0:
            stderr.seek(0)
            raise InstallError(error or f"The export failed: {_last_lines(stderr.read())}")


# Safe path (-P): a folder named onnx_export in the working directory is not the exporter.
_COMMAND = (sys.executable, "-P", "-m", "onnx_export")


@contextmanager
def _started(command: Sequence[str], stderr: IO[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 (our own module, by this interpreter)
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8"
    )
    try:
        yield process
        process.wait()
    except BaseException:
        _stop(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the child as Ctrl-C would; a terminal sent it to the child as well."""
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    for line in process.stdout or ():
        event = _as_object(line)  # other lines are of a library that prints
        if event is not None:
            yield event


def _as_object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _progress(event: dict[str, Any]) -> ExportProgress:
    left = event.get("seconds_left")
    return ExportProgress(
        phase=str(event.get("phase") or ""),
        done=int(event.get("done") or 0),
        total=int(event.get("total") or 0),
        unit=str(event.get("unit") or ""),
        seconds_left=float(left) if isinstance(left, int | float) else None,
    )


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_NUM_SHOWN_LINES:]) or "it said nothing"
