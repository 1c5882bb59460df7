"""How this process keeps memory that it has freed."""

from __future__ import annotations

import ctypes
import sys

# Numbers of glibc's malloc.h, and bytes: what is freed at the end of the heap stays there, and blocks this large lie
# on the heap, too.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT, ON_THE_HEAP = 2**28, 2**25


def keep_freed_memory() -> None:
    """Keep up to 256 MB of what one step frees for the next one, which then asks the system for less.

    glibc gives it back otherwise, and the system clears every page anew: up to a quarter of a descent on a CPU. For the
    processes of commands; it holds for a whole process, so a library leaves it to its user. Does nothing without glibc.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
        libc.mallopt(M_MMAP_THRESHOLD, ON_THE_HEAP)
