"""What the parent does to keep a child within its limits, by operating system."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    from bench.sandbox.windows_job import job_of

_LOOK_EVERY_SECONDS = 0.05


@contextmanager
def confined(process: "subprocess.Popen[str]", num_bytes: int) -> Iterator[None]:
    """Hold a process to ``num_bytes`` of memory meanwhile; at the end all it started is killed.

    On POSIX it must have been started in a session of its own.
    """
    with _memory_limit(process, num_bytes):
        try:
            yield
        finally:
            _kill_all(process)
            process.wait()


def _memory_limit(
    process: "subprocess.Popen[str]", num_bytes: int
) -> contextlib.AbstractContextManager[None]:
    if sys.platform == "win32":
        return job_of(process.pid, num_bytes)
    elif sys.platform == "darwin":  # noqa: RET505  (type checkers follow platforms by branches)
        return watched(process, num_bytes)
    else:
        return contextlib.nullcontext()  # the child has limited itself by RLIMIT_AS


def _kill_all(process: "subprocess.Popen[str]") -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def watched(process: "subprocess.Popen[str]", num_bytes: int) -> Iterator[None]:
    """Kill a process as soon as it is seen to hold more, for systems that know no such limit."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOK_EVERY_SECONDS) and process.poll() is None:
            if _resident_bytes(process.pid) > num_bytes:
                process.kill()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _resident_bytes(pid: int) -> int:
    listing = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    kibibytes = listing.stdout.strip()
    return int(kibibytes) << 10 if kibibytes.isdigit() else 0
