"""The editor's process: when it has ended, the server ends too, even if the pipe stays open.

A pipe stays open if another process has inherited it. A process that is not alive when the client
has initialized is not watched: in a container, the number belongs to another system.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_SECONDS_BETWEEN_LOOKS = 2.0


def find_process(process_id: int | None) -> psutil.Process | None:
    """Return the process with a number; None if there is none that is alive."""
    import psutil  # noqa: PLC0415 (takes longer than everything else before initialize)

    if process_id is None or process_id <= 0:
        return None
    try:
        process = psutil.Process(process_id)
    except (psutil.Error, OverflowError, ValueError):
        return None
    return process if _is_alive(process) else None


async def wait_for_end(process: psutil.Process) -> None:
    """Return when a process has ended."""
    while _is_alive(process):  # noqa: ASYNC110 (a process that is not ours sets no event)
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; another one that got its number does not count."""
    import psutil  # noqa: PLC0415

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # not allowed to look: it is there
        return True
