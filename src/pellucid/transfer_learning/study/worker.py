"""How a worker of a study ends: with the process that started it, or when that says so, and nothing is half written."""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import FrameType
from typing import TypeVar

GRACE = 2.0  # seconds that a worker has to remove what it was about to write

Result = TypeVar("Result")


def begin_worker(stop: Connection) -> None:
    """From now on this process ends when there is something to read in `stop`, when the process that started it does,
    even if that was killed and told nobody, and at Ctrl-C."""
    signal.signal(signal.SIGINT, _leave)
    Thread(target=_listen, args=(stop,), daemon=True).start()


def work(job: Callable[..., Result], *given: object) -> Result:
    """What a job returns; the process ends where that has to be left, as its pool would begin with the next one."""
    try:
        return job(*given)
    except SystemExit:
        os._exit(1)


def _listen(stop: Connection) -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel, stop])
    _thread.interrupt_main()
    time.sleep(GRACE)
    os._exit(1)  # whatever the other threads are at


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(1)
