"""Streams to the page: one line of JSON for each event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from ...base.errors import first_line
from ..kept.models import Models
from ..runs.job import Job

HEARTBEAT = 10.0  # seconds after which an empty line is sent


def line(message: dict[str, Any]) -> str:
    """One message."""
    return json.dumps(message, allow_nan=False) + "\n"


async def events(job: Job, after: int) -> AsyncIterator[str]:
    """A job's frames with a number above `after`, and its other events, until the job is over.

    A slow listener skips frames, but never the newest one and none of a walk.
    """
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(woken.set)

    told: dict[str, Any] = {}
    with job.listening(wake):
        first = True
        while True:
            woken.clear()
            over = job.over
            for message in _news(job, told, over):
                yield line(message)
            unseen = [frame for frame in job.frames if frame.number > after]
            for frame in unseen:
                if first or frame is unseen[-1] or frame.share is not None:
                    yield line(frame.message())
                    after = frame.number
            first = False
            if over:
                yield line(_last(job))
                return
            try:
                await asyncio.wait_for(woken.wait(), HEARTBEAT)
            except asyncio.TimeoutError:
                yield "\n"


def _news(job: Job, told: dict[str, Any], over: bool) -> list[dict[str, Any]]:
    """The events other than frames since the last call with this `told`."""
    news = []
    if job.status == "queued" and told.get("place") != job.place:
        told["place"] = job.place
        news.append({"type": "queued", "place": job.place})
    elif job.status != "queued" and "started" not in told and (job.frames or not over):
        told["started"] = True
        news.append({"type": "started"})
    if job.progress is not None and told.get("progress") != job.progress:
        told["progress"] = job.progress
        news.append({"type": "progress", "step": job.progress[0], "steps": job.progress[1]})
    return news


def _last(job: Job) -> dict[str, Any]:
    message = {
        "type": job.status,
        "step": job.step,
        "seconds": round(job.seconds, 3),
        "frames": len(job.frames),
        "result": job.image is not None,
    }
    return message if job.error is None else {**message, "error": job.error}


async def loading(models: Models, name: str) -> AsyncIterator[str]:
    """The progress of loading a classifier, and at the end the classifier or an error."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[str, float]]()

    def report(what: str, share: float) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, (what, share))

    task = loop.run_in_executor(None, models.load, name, report)
    while not (task.done() and queue.empty()):
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.wait([waiting, task], timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            what, share = waiting.result()
            yield line({"type": "progress", "what": what, "share": share})
        else:
            waiting.cancel()
    error = task.exception()
    if error is not None:
        yield line({"type": "failed", "error": first_line(error)})
    else:
        yield line({"type": "loaded", "classifier": task.result().described()})
