"""What a listener gets of a job's frames."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from studio_helpers import shot

from pellucid.studio.runs.job import Job
from pellucid.studio.web.stream import events


def work(job):
    raise AssertionError


def finished(coroutine):
    """What it returns. It gets a thread, because Playwright keeps a loop in the main one while its browser is open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def listened(job, after=-1):
    """Frames' numbers as a listener gets them that sees the job only when it is over, and one that was there before."""

    async def read():
        return [json.loads(text) async for text in events(job, after)]

    return [message["number"] for message in finished(read()) if message["type"] == "frame"]


def test_a_listener_that_comes_late_gets_all_frames_that_it_has_not_seen():
    job = Job("a", "sketch", "net", work, frames=[shot(n) for n in range(5)], status="done")
    assert listened(job) == [0, 1, 2, 3, 4]
    assert listened(job, after=2) == [3, 4]
    assert listened(job, after=9) == []


def test_a_slow_listener_gets_the_newest_frame_and_every_image_of_a_walk():
    job = Job("a", "interpolate", "net", work, status="running")
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

    assert finished(read()) == [0, 3, 4, 5, 6]
