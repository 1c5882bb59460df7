"""The points of a study as independent jobs, each with its own result file."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...base.devices import Precision
from ...base.errors import InputError, first_line
from ...base.files import write_text
from ...zoo.models import load
from ..targets import open_target
from ..transfer import transfer
from .study import Point, done
from .worker import in_processes

Outcome = dict[str, Any] | InputError
"""A result as plain values, or why there is none."""


@dataclass(frozen=True)
class Place:
    """Where and with what the jobs run.

    Attributes:
        folder: gets a file for each point.
        cache: for features.
        root: of the paper's data sets.
        size: side of the images, for sources whose card gives none.
        device, precision: as everywhere.
    """

    folder: Path
    cache: Path
    root: Path = Path("data")
    size: int | None = None
    device: str = "auto"
    precision: Precision = "float32"


def run_point(point: Point, place: Place) -> dict[str, Any]:
    """Do one transfer and write its result; returns it as plain values.

    Raises:
        InputError: what `transfer` raises, or a target that cannot be loaded.
    """
    source = load(point.source, place.device)
    data = open_target(point.target, place.root, source.size or place.size)
    result = transfer(source, data, point.recipe, cache=place.cache, precision=place.precision)
    facts = {"point": point.digest, "source": point.source, "target": point.target, **result.to_json()}
    write_text(place.folder / point.file, json.dumps(facts, indent=2) + "\n")
    return facts


Results = Generator[tuple[Point, Outcome], None, None]
"""What became of each point, in the order in which their transfers end."""

Runner = Callable[[Sequence[Point], Place], Results]
"""Does the transfers of some points."""


def one_by_one(points: Sequence[Point], place: Place) -> Results:
    """In this process."""
    for point in points:
        yield point, attempt(point, place)


def side_by_side(points: Sequence[Point], place: Place, jobs: int) -> Results:
    """`jobs` at once, in processes of their own."""
    return in_processes(partial(attempt, place=place), points, jobs)


def attempt(point: Point, place: Place) -> Outcome:
    """`run_point`, or why it failed; the other points go on."""
    try:
        return run_point(point, place)
    except InputError as error:
        return error
    except (OSError, MemoryError, RuntimeError) as error:
        return InputError(first_line(error))


def run_points(
    points: Sequence[Point],
    place: Place,
    run: Runner = one_by_one,
    callback: Callable[[float], None] | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The results by their files, in the order of the points, and one line for each failure.

    Results that the folder already holds are not computed again.

    Args:
        points: of `Study.points`.
        place: where.
        run: how: `one_by_one`, or `side_by_side` or `cluster.on_cluster` with their further arguments bound.
        callback: called with the share of the points that is done.
    """
    known = done(points, place.folder)
    failed: list[str] = []
    left = [point for point in points if point.file not in known]
    with closing(run(left, place)) as results:
        for point, outcome in results if left else ():
            if isinstance(outcome, InputError):
                failed.append(f"{point.source} to {point.target}: {outcome}")
            else:
                known[point.file] = outcome
            if callback is not None:
                callback((len(known) + len(failed)) / len(points))
    return {point.file: known[point.file] for point in points if point.file in known}, failed
