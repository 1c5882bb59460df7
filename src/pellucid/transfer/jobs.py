"""The points of a study as jobs: independent of each other, each with a result file of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from ..checks import positive_int
from ..data.dataset import Dataset, load_data
from ..devices import pick_precision
from ..errors import InputError
from ..files import write_text
from ..zoo.models import load
from .study import Point, done
from .targets import load_target
from .transfer import transfer

CONTEXT = "spawn"  # processes begin anew rather than as copies: a copy of torch's threads would wait forever


@dataclass(frozen=True)
class Place:
    """Where and with what the jobs run.

    Attributes:
        folder: gets a file for each point.
        cache: for features.
        root: of the paper's data sets.
        device, precision: as everywhere.
        threads: of each job; torch's own number if None.
    """

    folder: Path
    cache: Path
    root: Path = Path("data")
    device: str = "auto"
    precision: str = "float32"
    threads: int | None = None


def run_point(point: Point, place: Place) -> dict[str, Any]:
    """Do one transfer and write its result; returns it as plain values.

    Raises:
        InputError: what `transfer` raises, or a target that cannot be loaded.
    """
    if place.threads is not None:
        torch.set_num_threads(place.threads)
    source = load(point.source, place.device)
    data = open_target(point.target, place.root, source.size)
    precision = pick_precision(place.precision, source.device)
    result = transfer(source, data, point.recipe, cache=place.cache, precision=precision)
    facts = {"point": point.digest, "source": point.source, "target": point.target, **result.to_json()}
    write_text(place.folder / point.file, json.dumps(facts, indent=2) + "\n")
    return facts


def open_target(name: str, root: Path, size: int | None, **options: Any) -> Dataset:
    """A target by what the command line calls it: paper:NAME, or what `pellucid.load_data` takes."""
    if name.startswith("paper:"):
        if given := [option for option, value in options.items() if value]:
            raise InputError(f"{name} is read as the paper has it, without {' and '.join(given)}")
        return load_target(name.removeprefix("paper:"), root, size)
    return load_data(name, size, **options)


def run_points(
    points: Sequence[Point], place: Place, jobs: int = 1, callback: Callable[[float], None] | None = None
) -> list[dict[str, Any]]:
    """The results of all points; those that are in the folder already are not computed again.

    Args:
        points: of `Study.points`.
        place: where; with several jobs each gets its share of the threads.
        jobs: processes at once.
        callback: called with the share of the points that is done.

    Raises:
        InputError: some points failed, which and why; the others are done and need not be repeated.
    """
    positive_int("jobs", jobs)
    known = done(points, place.folder)
    left = [point for point in points if point.file not in known]
    failed: list[str] = []

    def note(point: Point, outcome: Callable[[], dict[str, Any]]) -> None:
        try:
            known[point.file] = outcome()
        except (InputError, BrokenProcessPool) as error:
            failed.append(f"{point.source} to {point.target}: {error}")
        if callback is not None:
            callback((len(known) + len(failed)) / len(points))

    if jobs == 1 or len(left) < 2:
        for point in left:
            note(point, lambda point=point: run_point(point, place))
    else:
        _side_by_side(left, place, jobs, note)
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise InputError(f"{len(failed)} of {len(points)} transfers failed: {failed[0]}{more}")
    return [known[point.file] for point in points]


def _side_by_side(points: Sequence[Point], place: Place, jobs: int, note: Callable) -> None:
    """Several processes, each with its share of the processors."""
    share = Place(**{**vars(place), "threads": place.threads or max(1, (os.cpu_count() or 1) // jobs)})
    with ProcessPoolExecutor(min(jobs, len(points)), mp_context=get_context(CONTEXT)) as pool:
        futures: dict[Future, Point] = {pool.submit(run_point, point, share): point for point in points}
        try:
            for future in as_completed(futures):
                note(futures[future], future.result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
