"""The queue: one worker thread runs the jobs one by one, and does idle work when none waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from ...base.errors import InputError, first_line
from .job import PATIENCE, Job, Status, Stopped

MAX_WAITING, MAX_WAITING_TAB = 64, 8
MAX_KEPT, MAX_KEPT_TAB, MAX_KEPT_BYTES = 200, 20, 256 * 2**20
log = logging.getLogger(__name__)


class Jobs:
    """The queue and its worker.

    Args:
        idle: idle work, called when no job waits. It gets a function that says whether a job waits by now, and returns
            whether there was anything to do.
    """

    def __init__(self, idle: Callable[[Callable[[], bool]], bool] = lambda busy: False):
        self._idle = idle
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._known: dict[str, Job] = {}
        self._count = 0
        self._closing = False
        self.running: Job | None = None
        self._thread = threading.Thread(target=self._work, name="studio-worker", daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._thread.start()

    def close(self, patience: float = 5.0) -> None:
        """Stop every job, and wait for the worker to end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self.stop_all()
        if self._thread.is_alive():
            self._thread.join(patience)

    def submit(self, job: Job) -> Job:
        """Queue a job.

        Raises:
            InputError: too many jobs wait already, in all or of this tab.
        """
        with self._changed:
            self._drop_abandoned()
            if len(self._queue) >= MAX_WAITING or sum(other.tab == job.tab for other in self._queue) >= MAX_WAITING_TAB:
                raise InputError("too many runs wait already; stop one, or wait until one is done")
            self._count += 1
            job.number = self._count
            job.name = f"{job.name}-{job.number}"
            self._known[job.id] = job
            self._queue.append(job)
            self._number_places()
            self._changed.notify_all()
        return job

    def find(self, id: str) -> Job | None:
        """A job by its id, or None if it is no longer known."""
        return self._known.get(id)

    def of(self, tab: str) -> list[Job]:
        """A tab's jobs, newest first."""
        with self._changed:
            self._drop_abandoned()
            return sorted((job for job in self._known.values() if job.tab == tab), key=lambda job: -job.number)

    def stop(self, job: Job) -> None:
        """End a job at once; the worker leaves it after its current step."""
        with self._changed:
            self._finish(job, "stopped")

    def stop_all(self) -> None:
        """End every job."""
        for job in list(self._known.values()):
            self.stop(job)

    def nudge(self) -> None:
        """Let an idle worker look for idle work again."""
        with self._changed:
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many jobs are in the queue."""
        return len(self._queue)

    def busy(self) -> bool:
        """Whether idle work should stop."""
        return bool(self._queue) or self._closing

    def _work(self) -> None:
        while (job := self._next()) is not None:
            began = time.monotonic()
            try:
                job.check()
                result = job.work(job)
                with self._changed:
                    job.result = job.result or result
                    self._finish(job, "done", began=began)
            except Stopped:
                with self._changed:
                    self._finish(job, "stopped", began=began)
            except Exception as error:
                if not isinstance(error, InputError):
                    log.exception("%s failed", job.action)
                kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
                with self._changed:
                    self._finish(job, "failed", f"{kind}{first_line(error)}"[:500], began)
            self.running = None

    def _next(self) -> Job | None:
        """The next job, now running; None when the studio closes."""
        while True:
            with self._changed:
                self._drop_abandoned()
                if self._closing:
                    return None
                if self._queue:
                    job = self.running = self._queue.popleft()
                    job.status = "running"
                    self._number_places()
                    job.tell()
                    return job
            if not self._look_for_idle_work():
                with self._changed:
                    if not self.busy():
                        self._changed.wait(PATIENCE)

    def _look_for_idle_work(self) -> bool:
        try:
            return self._idle(self.busy)
        except Stopped:
            return True
        except Exception:  # a thumbnail that cannot be made must not end the worker
            log.exception("idle work failed")
            return False

    def _finish(self, job: Job, status: Status, error: str | None = None, began: float | None = None) -> None:
        """End a job, unless it has ended. Call it with the lock held."""
        if job.over:
            return
        if job in self._queue:
            self._queue.remove(job)
        job.seconds = time.monotonic() - (job.created if began is None else began)
        job.error = error
        job.status = status
        self._number_places()
        self._forget()
        job.tell()

    def _drop_abandoned(self) -> None:
        for job in [job for job in self._queue if job.abandoned]:
            self._finish(job, "stopped")

    def _number_places(self) -> None:
        for place, job in enumerate(self._queue):
            if job.place != place:
                job.place = place
                job.tell()

    def _forget(self) -> None:
        """Drop the oldest finished jobs beyond the bounds on number and memory."""
        kept, kept_bytes, by_tab = 0, 0, {}
        for job in sorted(self._known.values(), key=lambda job: -job.number):
            if not job.over:
                continue
            kept, kept_bytes, by_tab[job.tab] = kept + 1, kept_bytes + job.bytes, by_tab.get(job.tab, 0) + 1
            if kept > MAX_KEPT or kept_bytes > MAX_KEPT_BYTES or by_tab[job.tab] > MAX_KEPT_TAB:
                del self._known[job.id]
