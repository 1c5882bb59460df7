"""The jobs of a study under Ray, which decides where and when each of them runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...base.errors import InputError, first_line
from .jobs import Outcome, Place, Results, attempt
from .study import Point

LOCAL = "local"


def on_cluster(points: Sequence[Point], place: Place, address: str = "auto", jobs: int | None = None) -> Results:
    """One Ray task for each point, with one processor, and one GPU if the device is cuda.

    Hosts have pellucid installed and see the same files at the same paths. A task whose worker dies is started again by
    Ray, three times at most.

    Args:
        points: the transfers to do.
        place: where; a relative path is relative to this process's folder on every host.
        address: "auto" for the cluster that this host belongs to, HOST:PORT or ray://HOST:PORT for another, "local"
            for one that is begun here and ends with the study.
        jobs: of a local cluster, how many tasks at once; as many as there are processors if not given.

    Raises:
        InputError: Ray is not installed, or no cluster is there.
    """
    with connected(address, jobs) as ray:
        task = ray.remote(num_gpus=int(place.device.startswith("cuda")))(_attempt_in)
        waiting = {task.remote(os.getcwd(), point, place): point for point in points}
        while waiting:
            (ended,), _ = ray.wait(list(waiting))
            yield waiting.pop(ended), outcome_of(ray, ended)


def _attempt_in(folder: str, point: Point, place: Place) -> Outcome:
    os.chdir(folder)
    return attempt(point, place)


def outcome_of(ray: Any, ended: Any) -> Outcome:
    """What a task of Ray came to, or why it failed."""
    try:
        return ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        return InputError(first_line(error.cause))
    except ray.exceptions.RayError as error:  # its worker died, or its host
        return InputError(first_line(error))


@contextmanager
def connected(address: str, jobs: int | None) -> Iterator[Any]:
    """Within, Ray."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # the user has not agreed to be counted
    try:
        import ray
    except ImportError:
        raise InputError('studies on a cluster need Ray: pip install "pellucid[cluster]"') from None
    try:
        workers = jobs if address == LOCAL else None
        ray.init(address=address, num_cpus=workers, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise InputError(f"no Ray cluster at {address}: {first_line(error)}") from None
    try:
        yield ray
    finally:
        ray.shutdown()
