"""Statistics over a test set as a table and claims of the report."""

from __future__ import annotations

from ..statistics.comparison import Comparison
from ..statistics.table import Measured, Statistics
from .entry import Claim, Interval, Table
from .scene import Scene


def comparison(scene: Scene, count: int | None) -> Comparison:
    """The classifiers of a scene and a part of its data."""
    return Comparison(scene.classifiers, scene.measured, count, scene.seed, scene.judge)


def as_table(found: Statistics) -> Table:
    """A row for each method, a column for each metric."""
    methods = dict.fromkeys(row.method for row in found.rows)
    cells = {(row.method, row.metric): _interval(row) for row in found.rows}
    return Table(("", *found.values), [(m, *(cells[m, metric] for metric in found.values)) for m in methods])


def ahead(found: Statistics, metric: str, other: str, says: str, published: float | None = None) -> Claim:
    """The claim that the first classifier's metric is above another method's."""
    row = next(row for row in found.rows if (row.metric, row.method) == (metric, other))
    assert row.ahead is not None  # the other is not the first classifier
    low, high = row.ahead_low, row.ahead_high
    bounds = (-float("inf"), float("inf")) if low is None or high is None else (low, high)
    return Claim(says, Interval(row.ahead, *bounds), published)


def _interval(row: Measured) -> Interval | float:
    return row.mean if row.low is None or row.high is None else Interval(row.mean, row.low, row.high)
