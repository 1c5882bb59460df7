"""The queue and the frames, with work that is under the test's control."""

import asyncio
import json
import random
import threading
from dataclasses import replace

import pytest
import torch
from helpers import conv_classifier, images
from hypothesis import given
from hypothesis import strategies as st
from studio_helpers import from_png, wait_until

from pellucid.base.errors import InputError
from pellucid.studio import frames, jobs
from pellucid.studio.frames import Camera, Frame, thinned
from pellucid.studio.job import Job, Result, Stopped
from pellucid.studio.jobs import Jobs
from pellucid.studio.stream import events


def shot(number=0, size=10):
    return Frame(number, number, 100, None, b"x" * size, 1, 1, [], None)


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
    assert works[0].began.wait(5)
    wait_until(lambda: [job.status for job in added] == ["running", "queued", "queued"])
    assert [job.place for job in added[1:]] == [0, 1]
    works[0].end.set()
    assert works[1].began.wait(5)
    assert not works[2].began.is_set()
    assert (added[2].place, added[0].result.png) == (0, b"made")
    works[1].end.set()
    works[2].end.set()
    wait_until(lambda: all(job.status == "done" for job in added))
    wait_until(lambda: queue.running is None)


def test_a_stopped_job_is_over_at_once_and_its_work_soon(queue):
    work, next_one = Work(), Work()
    job = add(queue, work)
    assert work.began.wait(5)
    job.keep(shot(0))
    queue.stop(job)
    assert (job.status, job.result) == ("stopped", None)
    job.keep(shot(1))  # what the worker still sends is no part of it
    assert len(job.frames) == 1
    assert work.left.wait(5)
    add(queue, next_one)
    assert next_one.began.wait(5)
    next_one.end.set()


def test_a_queued_job_can_be_stopped_and_never_runs(queue):
    first, second = Work(), Work()
    add(queue, first)
    assert first.began.wait(5)
    job = add(queue, second)
    queue.stop(job)
    assert (job.status, queue.waiting) == ("stopped", 0)
    first.end.set()
    wait_until(lambda: queue.running is None)
    assert not second.began.is_set()


def test_stopping_what_is_over_changes_nothing(queue):
    work = Work()
    work.end.set()
    job = add(queue, work)
    wait_until(lambda: job.over)
    queue.stop(job)
    assert job.status == "done"


def test_a_failure_is_one_line_and_the_worker_goes_on(queue):
    def mistake(job):
        raise InputError("the mask hides nothing")

    def defect(job):
        raise ZeroDivisionError("first line\nsecond line")

    work = Work()
    failed = [add(queue, mistake), add(queue, defect), add(queue, work)]
    assert work.began.wait(5)
    assert [job.error for job in failed[:2]] == ["the mask hides nothing", "ZeroDivisionError: first line"]
    work.end.set()


def test_a_job_that_nobody_listens_to_is_left(queue, monkeypatch):
    monkeypatch.setattr("pellucid.studio.job.PATIENCE", 0.05)
    work, waiting, heard = Work(), Work(), Work()
    job = add(queue, work)
    queued, listened = add(queue, waiting), add(queue, heard)
    queued.heard -= 1
    with listened.listening(lambda: None):
        assert work.left.wait(5)
        assert heard.began.wait(5)
        assert (job.status, queued.status, listened.status) == ("stopped", "stopped", "running")
        assert not waiting.began.is_set()
        assert not heard.left.wait(0.15)
    assert heard.left.wait(5)


def test_too_many_waiting_jobs_are_refused(queue):
    first = Work()
    add(queue, first, tab="first")
    assert first.began.wait(5)
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

    queue = Jobs(idle)
    queue.start()
    may_go.set()
    queue.nudge()
    wait_until(lambda: seen)
    work = Work()
    work.end.set()
    job = add(queue, work)
    wait_until(lambda: job.over)
    queue.close()
    assert not queue._thread.is_alive()


def test_closing_ends_a_running_job():
    queue, work = Jobs(), Work()
    queue.start()
    job, waiting = add(queue, work), add(queue, Work())
    assert work.began.wait(5)
    queue.close()
    assert work.left.is_set()
    assert (job.status, waiting.status, queue._thread.is_alive()) == ("stopped", "stopped", False)


def test_twenty_clients_leave_nothing_behind(queue):
    def client(number):
        choose = random.Random(number)
        for _ in range(5):
            work = Work()
            if choose.random() < 0.5:
                work.end.set()
            job = add(queue, work, tab=f"tab{number}")
            with job.listening(lambda: None):
                work.began.wait(choose.choice([0, 0.01]))
                queue.stop(job)
            assert job.over

    clients = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(20)
    wait_until(lambda: queue.running is None)
    assert queue.waiting == 0
    assert all(job.over and not job.listeners for job in queue._known.values())


# Frames


class Clock:
    def __init__(self, cost=0.0):
        self.now, self.cost = 100.0, cost

    def __call__(self):
        self.now += self.cost
        return self.now


def test_frames_are_at_least_a_tenth_of_a_second_apart():
    kept, clock = [], Clock()
    camera = Camera(conv_classifier(), None, kept.append, clock)
    picture = images(1)[0]
    camera.take(picture, 0, 500)
    for step in range(1, 501):
        clock.now += 0.01
        if camera.due:
            camera.take(picture, step, 500)
    assert len(kept) == pytest.approx(50, abs=2)
    assert [frame.step for frame in kept[:3]] == [0, 1, 11]  # the first step is seen at once


def test_a_dear_frame_is_taken_more_rarely():
    kept, clock = [], Clock(cost=0.05)  # each look at the clock costs that much
    camera = Camera(conv_classifier(), None, kept.append, clock)
    camera.take(images(1)[0], 0, 1)
    camera.take(images(1)[0], 1, 1)
    assert camera._next - clock.now == pytest.approx(frames.COST * 0.05)


def test_a_frame_says_what_the_classifier_sees():
    kept, classifier = [], conv_classifier().eval()
    picture = images(1)[0]
    Camera(classifier, 2, kept.append).take(picture, 3, 9, float("nan"))
    wanted = classifier.logits(picture[None])[0].softmax(0)
    frame = kept[0]
    assert frame.wanted == pytest.approx(float(wanted[2].detach()), abs=1e-4)
    assert [name for name, _ in frame.top] == [str(i) for i in wanted.argsort(descending=True).tolist()]
    assert (frame.number, frame.step, frame.steps, frame.loss) == (0, 3, 9, None)
    assert torch.equal(torch.from_numpy(from_png(frame.png)).permute(2, 0, 1), (picture * 255).round().byte())


@given(st.integers(1, 2000))
def test_kept_frames_are_bounded_and_hold_the_first_and_the_last(count):
    kept = []
    for number in range(count):
        kept = thinned([*kept, shot(number)])
        assert len(kept) <= frames.MOST
        assert (kept[0].number, kept[-1].number) == (0, number)
    numbers = [frame.number for frame in kept]
    assert numbers == sorted(set(numbers))


# Streams


def listened(job, after=-1):
    """Frames' numbers as a listener gets them that sees the job only when it is over, and one that was there before."""

    async def read():
        return [json.loads(text) async for text in events(job, after)]

    return [message["number"] for message in asyncio.run(read()) if message["type"] == "frame"]


def test_a_listener_that_comes_late_gets_all_frames_that_it_has_not_seen():
    job = Job("a", "sketch", "net", Work(), frames=[shot(n) for n in range(5)], status="done")
    assert listened(job) == [0, 1, 2, 3, 4]
    assert listened(job, after=2) == [3, 4]
    assert listened(job, after=9) == []


def test_a_slow_listener_gets_the_newest_frame_and_every_image_of_a_walk():
    job = Job("a", "interpolate", "net", Work(), status="running")
    job.keep(shot(0))

    async def read():
        stream, numbers = events(job, -1), []
        async for text in stream:
            message = json.loads(text)
            if message["type"] == "frame":
                numbers.append(message["number"])
            if message.get("number") == 0:  # more than one while this listener is busy
                for number in range(1, 4):
                    job.keep(shot(number))
            if message.get("number") == 3:
                for number in range(4, 7):
                    job.keep(replace(shot(number), share=number / 6))
                job.status = "done"
        return numbers

    assert asyncio.run(read()) == [0, 3, 4, 5, 6]
