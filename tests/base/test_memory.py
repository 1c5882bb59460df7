"""Freed memory stays with the process, so that the next step asks the system for nothing."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import ctypes, resource
from pellucid.base.memory import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def step():
    blocks = [ctypes.c_void_p(libc.malloc(2**23)) for _ in range(15)]  # 120 MB
    for block in blocks:
        libc.memset(block, 1, 2**23)
    for block in blocks:
        libc.free(block)

{call}
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    """How many pages the second step asks the system for."""
    done = subprocess.run([sys.executable, "-c", STEPS.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives freed memory back in this way")
def test_a_step_takes_the_pages_of_the_one_before():
    assert faults("") > 1000
    assert faults("keep_freed_memory()") < 100
