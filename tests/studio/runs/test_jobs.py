"""The queue, with work that is under the test's control."""

import threading

import pytest
from studio_helpers import shot, wait_until

from pellucid.base.errors import InputError
from pellucid.studio.runs import jobs
from pellucid.studio.runs.job import Job, Result, Stopped
from pellucid.studio.runs.jobs import Jobs


class Work:
    """Work that goes on, step by step, until the test lets it end."""

    def __init__(self):
        self.began, self.end, self.left = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, job):
        self.began.set()
        try:
            while not self.end.wait(0.002):
                job.check()
            job.keep(shot())
            return Result(b"made", {})
        finally:
            self.left.set()


@pytest.fixture
def queue():
    queue = Jobs()
    queue.start()
    yield queue
    queue.close()


def add(queue, work, tab="a"):
    return queue.submit(Job(tab, "sketch", "net", work))


def test_jobs_run_one_after_the_other_in_order(queue):
    works = [Work() for _ in range(3)]
    added = [add(queue, work) for work in works]
    assert works[0].began.wait(60)
    wait_until(lambda: [job.status for job in added] == ["running", "queued", "queued"])
    assert [job.place for job in added[1:]] == [0, 1]
    works[0].end.set()
    assert works[1].began.wait(60)
    assert not works[2].began.is_set()
    assert (added[2].place, added[0].result.png) == (0, b"made")
    works[1].end.set()
    works[2].end.set()
    wait_until(lambda: all(job.status == "done" for job in added))
    wait_until(lambda: queue.running is None)


def test_a_clock_that_is_set_changes_no_seconds(queue, monkeypatch):
    work = Work()
    add(queue, work)
    assert work.began.wait(60)
    waiting = add(queue, Work())
    monkeypatch.setattr("time.time", lambda: 0.0)
    queue.stop(waiting)
    assert 0 <= waiting.seconds < 60
    work.end.set()


def test_a_stopped_job_is_over_at_once_and_its_work_soon(queue):
    work, next_one = Work(), Work()
    job = add(queue, work)
    assert work.began.wait(60)
    job.keep(shot(0))
    queue.stop(job)
    assert (job.status, job.result) == ("stopped", None)
    job.keep(shot(1))  # what the worker still sends is no part of it
    assert len(job.frames) == 1
    assert work.left.wait(60)
    add(queue, next_one)
    assert next_one.began.wait(60)
    next_one.end.set()


def test_a_queued_job_can_be_stopped_and_never_runs(queue):
    first, second = Work(), Work()
    add(queue, first)
    assert first.began.wait(60)
    job = add(queue, second)
    queue.stop(job)
    assert (job.status, queue.waiting) == ("stopped", 0)
    first.end.set()
    wait_until(lambda: queue.running is None)
    assert not second.began.is_set()


def test_a_failure_is_one_line_and_the_worker_goes_on(queue):
    def mistake(job):
        raise InputError("the mask hides nothing")

    def defect(job):
        raise ZeroDivisionError("first line\nsecond line")

    work = Work()
    failed = [add(queue, mistake), add(queue, defect), add(queue, work)]
    assert work.began.wait(60)
    assert [job.error for job in failed[:2]] == ["the mask hides nothing", "ZeroDivisionError: first line"]
    work.end.set()


def test_a_job_that_nobody_listens_to_is_left(queue, monkeypatch):
    work, waiting, heard = Work(), Work(), Work()
    job = add(queue, work)
    queued, listened = add(queue, waiting), add(queue, heard)
    queued.heard -= 1
    with listened.listening(lambda: None):
        monkeypatch.setattr("pellucid.studio.runs.job.PATIENCE", 0.05)
        assert work.left.wait(60)
        assert heard.began.wait(60)
        assert (job.status, queued.status, listened.status) == ("stopped", "stopped", "running")
        assert not waiting.began.is_set()
        assert not heard.left.wait(0.15)
    assert heard.left.wait(60)


def test_too_many_waiting_jobs_are_refused(queue):
    first = Work()
    add(queue, first, tab="first")
    assert first.began.wait(60)
    for _ in range(jobs.MAX_WAITING_TAB):
        add(queue, Work(), tab="greedy")
    with pytest.raises(InputError, match="too many runs wait"):
        add(queue, Work(), tab="greedy")
    add(queue, Work(), tab="modest")


def test_what_finished_jobs_keep_is_bounded(queue, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_KEPT", 12)
    monkeypatch.setattr(jobs, "MAX_KEPT_TAB", 5)
    for number in range(40):
        work = Work()
        work.end.set()
        last = add(queue, work, tab=str(number % 4))
        wait_until(lambda job=last: job.over)
    assert len(queue.of("3")) <= 5
    assert sum(len(queue.of(str(tab))) for tab in range(4)) == 12
    assert queue.of("3")[0] is last
    monkeypatch.setattr(jobs, "MAX_KEPT_BYTES", 25)
    work = Work()
    work.end.set()
    last = add(queue, work)
    wait_until(lambda: last.over)
    assert sum(len(queue.of(tab)) for tab in "a0123") == 2


def test_idle_work_makes_way_for_a_job():
    seen, may_go = [], threading.Event()

    def idle(busy):
        if not may_go.is_set():
            return False
        seen.append("begun")
        while not busy():
            may_go.wait(0.001)
        raise Stopped

    queue, threads = Jobs(idle), threading.active_count()
    queue.start()
    may_go.set()
    queue.nudge()
    wait_until(lambda: seen)
    work = Work()
    work.end.set()
    job = add(queue, work)
    wait_until(lambda: job.over)
    queue.close()
    assert threading.active_count() == threads


def test_closing_ends_a_running_job():
    queue, work, threads = Jobs(), Work(), threading.active_count()
    queue.start()
    job, waiting = add(queue, work), add(queue, Work())
    assert work.began.wait(60)
    queue.close()
    assert work.left.is_set()
    assert (job.status, waiting.status, threading.active_count()) == ("stopped", "stopped", threads)
