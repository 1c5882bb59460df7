"""Worker processes, which end with the process that started them: when it is done, at Ctrl-C, or when it is killed."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import FrameType
from typing import TypeVar

from ...base.errors import InputError
from ...base.memory import keep_freed_memory

CONTEXT = "spawn"  # a forked copy of a process that runs torch's threads would wait for them forever
GRACE = 2.0  # seconds that a worker has to remove what it was about to write

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Job], Result], jobs: Iterable[Job], count: int
) -> Generator[tuple[Job, Result | InputError], None, None]:
    """Do jobs in `count` processes, each with its share of the processors; yields each job with its result as it ends.

    This process talks to each worker through a pipe of its own and holds no lock while it waits, so that Ctrl-C may
    come at any moment. The result of a job whose process died is an `InputError`; the other jobs go on.
    """
    todo, started, idle = deque(jobs), [], []
    threads = max(1, (os.cpu_count() or 1) // count)
    busy: dict[Connection, tuple[_Worker, Job]] = {}
    try:
        while todo or busy:
            while todo and len(busy) < count:
                if not idle:
                    with _ctrl_c_later():
                        idle.append(_Worker(threads))
                        started.append(idle[-1])
                worker, job = idle.pop(), todo.popleft()
                busy[worker.pipe] = worker, job
                with suppress(OSError):  # it died; the pipe says so below
                    worker.pipe.send((work, job))
            for pipe in wait(list(busy)):
                worker, job = busy.pop(pipe)  # pyright: ignore[reportArgumentType]
                try:
                    result = worker.pipe.recv()
                    idle.append(worker)
                except (EOFError, OSError):
                    worker.process.join()
                    result = InputError(f"its process died with exit code {worker.process.exitcode}")
                yield job, result
    finally:
        with _ctrl_c_later():
            _end(started)


class _Worker:
    """A process, and this side of the pipe to it."""

    def __init__(self, threads: int):
        context = get_context(CONTEXT)
        self.pipe, its_side = context.Pipe()
        self.process = context.Process(target=_serve, args=(its_side, threads))  # pyright: ignore[reportAttributeAccessIssue]
        self.process.start()
        its_side.close()  # so that this side sees the end of the process


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Within, Ctrl-C waits for the end."""
    came = []
    handler = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    last = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(0.0, last - time.monotonic()))
        worker.process.kill()
        worker.process.join()


def _serve(pipe: Connection, threads: int) -> None:
    """Do jobs from the pipe until this process is ended. Its starter handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    Thread(target=_end_with_parent, daemon=True).start()
    import torch  # here, where it is not imported by whoever only starts workers

    torch.set_num_threads(threads)  # more threads than processors wait for each other
    keep_freed_memory()
    while True:
        work, job = pipe.recv()
        pipe.send(work(job))


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(1)  # which removes temporary files on its way


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
