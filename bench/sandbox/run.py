"""Runs one program in a child process that is held to limits.

| | Linux | macOS | Windows |
|---|---|---|---|
| wall clock | the parent kills the child's session | likewise | the parent closes the job |
| memory | ``RLIMIT_AS`` | the parent watches ``ps`` | the job's limit |
| network | a namespace of its own where permitted, and an audit hook | the hook | the hook |
| processes, writing | an audit hook | the hook | the hook, and one process to a job |
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.sandbox.confine import confined

Verdict = Literal["passed", "failed", "timed_out"]

_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use: wall-clock seconds and bytes of memory, the interpreter's own too."""

    seconds: float = 10.0
    num_bytes: int = 1 << 30


def run_program(program: str, limits: Limits) -> Verdict:
    """Run Python source; it passes when it comes to its end, which no way of exiting fakes."""
    secret = secrets.token_hex(16)
    order = {
        "program": program,
        "secret": secret,
        "seconds": limits.seconds,
        "bytes": limits.num_bytes,
    }
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [_base_python(), "-I", "-S", "-B", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
            start_new_session=sys.platform != "win32",
        )
        with process, confined(process, limits.num_bytes):
            try:
                answer, _ = process.communicate(json.dumps(order), limits.seconds)
            except subprocess.TimeoutExpired:
                return "timed_out"
    return "passed" if answer == secret else "failed"


def _base_python() -> str:
    """Return the interpreter itself: on Windows an environment's one only starts another."""
    return str(getattr(sys, "_base_executable", sys.executable))
