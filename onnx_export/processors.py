"""How many processors this process may use."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def num_processors(cgroup: Path = _CGROUP) -> int:
    """Return the processors that this process is allowed, which can be fewer than there are.

    A container may be pinned to some of them, or have a share of their time (``cgroup``).
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    share = _share(cgroup)
    return allowed if share >= allowed else max(1, math.ceil(share))


def _share(cgroup: Path) -> float:
    """Return how many processors' time the container may take, infinity if that is not limited."""
    pairs = (
        _words(cgroup / "cpu.max"),
        _words(cgroup / "cpu" / "cpu.cfs_quota_us") + _words(cgroup / "cpu" / "cpu.cfs_period_us"),
    )
    for pair in pairs:
        try:
            quota, period = map(int, pair)
        except ValueError:
            # Absent, or "max".
            continue
        if quota > 0 and period > 0:
            return quota / period
    return math.inf


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []
