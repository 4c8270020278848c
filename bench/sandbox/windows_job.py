"""A Windows job: it limits its processes' memory, and ends them when it is closed.

https://learn.microsoft.com/windows/win32/procthread/job-objects
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT_PROCESS_MEMORY = 0x100
_LIMIT_ACTIVE_PROCESS = 0x8
_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMIT_INFORMATION = 9
_PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def _limits(num_bytes: int) -> _ExtendedLimits:
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = (
        _LIMIT_PROCESS_MEMORY | _LIMIT_ACTIVE_PROCESS | _KILL_ON_JOB_CLOSE
    )
    limits.BasicLimitInformation.ActiveProcessLimit = 1
    limits.ProcessMemoryLimit = num_bytes
    return limits


if sys.platform == "win32":

    @contextmanager
    def job_of(pid: int, num_bytes: int) -> Iterator[None]:
        """Put a process into a job of at most ``num_bytes`` of memory; raises ``OSError``."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.CreateJobObjectW.restype = ctypes.c_void_p
        kernel32.OpenProcess.restype = ctypes.c_void_p
        limits = _limits(num_bytes)
        job = ctypes.c_void_p(kernel32.CreateJobObjectW(None, None))
        process = ctypes.c_void_p(kernel32.OpenProcess(_PROCESS_SET_QUOTA_AND_TERMINATE, 0, pid))
        try:
            is_limited = kernel32.SetInformationJobObject(
                job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
            )
            if not is_limited or not kernel32.AssignProcessToJobObject(job, process):
                raise ctypes.WinError(ctypes.get_last_error())
            yield
        finally:
            kernel32.CloseHandle(process)
            kernel32.CloseHandle(job)
