"""What a container or service may use: Linux's control groups, of both versions.

A process is a member of one group, and the limits of all groups above it hold too. Without control
groups, and on other systems, there is no limit.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def memory_left() -> int | None:
    """Return the bytes that this process may still take; None without a limit."""
    found = []
    for folder, is_second in _folders("memory"):
        limit = _number(folder / ("memory.max" if is_second else "memory.limit_in_bytes"))
        used = _number(folder / ("memory.current" if is_second else "memory.usage_in_bytes"))
        if limit is not None:
            found.append(max(limit - max((used or 0) - _reclaimable(folder), 0), 0))
    return min(found, default=None)


def processor_quota() -> int | None:
    """Return the number of whole processors that this process may use; None without a limit."""
    found = []
    for folder, is_second in _folders("cpu"):
        with suppress(OSError, ValueError, ZeroDivisionError):  # "max" where there is no limit
            if is_second:
                quota, period = map(int, _text(folder / "cpu.max").split())
            else:
                quota = int(_text(folder / "cpu.cfs_quota_us"))
                period = int(_text(folder / "cpu.cfs_period_us"))
            if quota > 0:
                found.append(max(quota // period, 1))
    return min(found, default=None)


def _folders(controller: str) -> list[tuple[Path, bool]]:
    """Return the folders of this process's groups, each with whether it is of version 2.

    A container often sees its own group as the root, under another path than its membership says.
    """
    found = []
    with suppress(OSError):
        for line in _text(_MEMBERSHIP).splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                found.append((_ROOT, path, True))
            elif controller in controllers.split(","):
                found.append((_ROOT / controller, path, False))
    folders = []
    for root, path, is_second in found:
        folder = root / path.lstrip("/")
        folders += [(f, is_second) for f in (folder, *folder.parents) if f.is_relative_to(root)]
    return folders


def _reclaimable(folder: Path) -> int:
    """Return the bytes of files in memory that are given up when a program needs them."""
    with suppress(OSError, ValueError):
        for line in _text(folder / "memory.stat").splitlines():
            name, value = line.split()
            if name in {"inactive_file", "total_inactive_file"}:
                return int(value)
    return 0


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(_text(path))
    return None


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
