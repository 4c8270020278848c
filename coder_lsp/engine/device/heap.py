"""The C library's heap, which must not keep the memory of freed caches."""

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # of malloc.h
_THRESHOLD_BYTES = 128 << 10


def return_freed_memory() -> None:
    """Let glibc return large blocks to the system when they are freed; other libraries do.

    glibc maps blocks beyond this threshold one by one, but raises the threshold to the size of what
    is freed. KV caches are then in the heap, where a small block above one keeps its megabytes: in
    half an hour of typing the process grew by 8 %. A threshold that was set is not raised.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # musl has none, and needs none
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
