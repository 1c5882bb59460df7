"""Who computes with all cores: the worker, and it is the first to do so.

OpenMP lets threads wait actively, which is fast, only while all of a process's teams together are no larger than the
machine. Another thread that has computed with all cores, and is still there, slows every step of the worker, to half
on two cores.
"""

from __future__ import annotations

import threading

_count = 0
_own = threading.local()


def reserve() -> None:
    """Note how many threads torch would use, and give one to this thread and to others until the worker begins."""
    global _count
    import torch

    _count = _count or torch.get_num_threads()
    torch.set_num_threads(1)


def take_all() -> None:
    """Let the thread that calls it compute with all of them, as a command would."""
    if not _count or getattr(_own, "taken", False):
        return
    import torch

    torch.set_num_threads(_count)
    _own.taken = True
