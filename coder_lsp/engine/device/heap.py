"""The C library's heap, which must not keep what caches have given back."""

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # of malloc.h
_THRESHOLD_BYTES = 128 << 10


def return_freed_memory() -> None:
    """Let large blocks go back to the system when they are freed; for glibc, else nothing.

    glibc begins with this threshold, from which on a block is mapped by itself, but raises it to
    the size of whatever is freed. KV caches then lie in the heap, where any small block above one
    keeps its megabytes: under half an hour of typing the process grew by 8 %. A threshold that was
    set stays.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # musl has none, and no such habit
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
