"""What is freed goes back to the system, in a process of its own since the heap is."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import numpy, psutil
from coder_lsp.engine.device.heap import return_freed_memory

if {is_called}:
    return_freed_memory()
numpy.ones(1 << 20)  # 8 MB, freed at once: from here on glibc takes less from the heap
blocks, pins = [], []
for i in range(64):
    blocks.append(numpy.ones(1 << 17))  # 1 MB
    pins.append(bytes(1000))  # a small block between two large ones
before = psutil.Process().memory_info().rss
del blocks
print((before - psutil.Process().memory_info().rss) >> 20)
"""


def released_megabytes(is_called):
    program = PROGRAM.format(is_called=is_called)
    return int(subprocess.check_output([sys.executable, "-c", program], text=True))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="It is glibc's habit.")
def test_large_blocks_go_back_at_once():
    if released_megabytes(is_called=False) > 48:
        pytest.skip("Here the allocator returns freed blocks by itself, as with Python 3.14.")

    assert released_megabytes(is_called=True) > 48
