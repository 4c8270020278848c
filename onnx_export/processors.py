"""How many processors this process may use."""

import os


def num_processors() -> int:
    """Return the processors that this process is allowed, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
