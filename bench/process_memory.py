"""The most memory that this process has held."""

import sys

import psutil

_KIBIBYTE = 1024


def peak_rss_bytes() -> int:
    """Return the peak of the resident set, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    # Unix only, hence imported here.
    import resource  # noqa: PLC0415

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE
