"""What the benchmarks share: two sides timed in turns in one run, and where it ran."""

import os
import platform
import statistics
import time
from collections.abc import Callable

import torch

from pellucid.base.memory import keep_freed_memory


def interleaved(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side, run in turns after one warm-up each, so that a busy machine slows both alike.

    Freed memory is kept, as in pellucid's commands, for both sides.
    """
    keep_freed_memory()
    for side in sides.values():
        side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            synchronize()
            began = time.perf_counter()
            side()
            synchronize()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: dict[str, list[float]], baseline: str, ours: str) -> float:
    """How many times faster ours is: the median over rounds of the two sides' ratio within a round."""
    return statistics.median(a / b for a, b in zip(seconds[baseline], seconds[ours], strict=True))


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def place() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    return f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"
