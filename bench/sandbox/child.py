"""The child's side of the sandbox: lowers its own limits, then runs the program it is given.

Started as an isolated script (``python -I``), so it imports nothing of ours. On standard input
comes a JSON object with ``program``, ``secret``, ``seconds`` and ``bytes``; when the program has
come to its end, and only then, the secret is written to standard output.

A model errs, it does not plot: a program that searches the interpreter's memory finds the secret.
"""

import ctypes
import json
import os
import sys
from typing import Any

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = (
    "ctypes.", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill", "os.link", "os.mkdir",
    "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.startfile",
    "os.symlink", "os.system", "os.truncate", "shutil.", "socket.", "subprocess.",
)  # fmt: skip


def main() -> None:
    """Run the program on standard input; tell the secret only if it came to its end."""
    order = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    _limit_resources(order["seconds"], order["bytes"])
    _leave_network()
    code = compile(order["program"], "<program>", "exec")
    sys.addaudithook(_refuse)
    exec(code, {"__name__": "program"})  # noqa: S102  (this is what the sandbox is for)
    answer.write(order["secret"])
    answer.close()


def _limit_resources(seconds: float, size: int) -> None:
    """Lower this process's limits; on Windows its parent has put it into a job that has them."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (there is no such module on Windows)

        cpu_seconds = int(seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":  # macOS does not honour it; there the parent watches
            resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _leave_network() -> None:
    """Move into a network namespace without interfaces; where that is forbidden, the hook stays."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse network, processes and writing; Python code cannot take an audit hook away."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"The sandbox forbids {event}.")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("The sandbox forbids writing to files.")


if __name__ == "__main__":
    main()
