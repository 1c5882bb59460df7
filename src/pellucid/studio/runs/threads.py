"""Which thread computes with all cores: the worker, and no other.

OpenMP's threads wait actively. That is fast only while all teams of a process together have no more threads than the
machine has cores. Another thread that has computed with all cores slows every step of the worker, to half the speed on
two cores.
"""

from __future__ import annotations

import threading

_count = 0
_own = threading.local()


def use_one_core() -> None:
    """Let this thread, and threads that begin after it, compute with one core. The first call notes how many there are."""
    global _count
    import torch

    _count = _count or torch.get_num_threads()
    torch.set_num_threads(1)


def use_all_cores() -> None:
    """Let this thread compute with all cores, as a command does."""
    if not _count or getattr(_own, "taken", False):
        return
    import torch

    torch.set_num_threads(_count)
    _own.taken = True
