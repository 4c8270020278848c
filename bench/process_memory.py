"""The most memory that this process, or one that it started, has held."""

import sys

import psutil

from bench.errors import BenchError

_KIBIBYTE = 1024


def peak_rss_bytes() -> int:
    """Return the peak of the resident set, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    # Unix only, hence imported here.
    import resource  # noqa: PLC0415

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE


def peak_rss_bytes_of_children() -> int:
    """Return the greatest peak of any child process that has ended. Raises ``BenchError``."""
    if sys.platform == "win32":
        raise BenchError("Windows forgets what a process took when it ends; measure elsewhere.")
    import resource  # noqa: PLC0415

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE
