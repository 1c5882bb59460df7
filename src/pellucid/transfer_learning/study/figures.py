"""The figures of a study: a panel for each target, a curve for each series."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...base.files import replacing, short, write_text
from ..source import SourceFacts
from .analysis import NAMES, Table
from .published import curve

Row = dict[str, Any]  # of a table, by column
Sources = dict[str, SourceFacts]


class Point(NamedTuple):
    """What is drawn: a place, and the ends of the intervals of y and of x, if that has one."""

    x: float
    y: float
    low: float
    high: float
    left: float | None = None
    right: float | None = None


Place = tuple[str, str, Point]
"""A target, the series of a point, and the point."""


def _by_eps(row: Row, sources: Sources) -> Place:
    return row["target"], f"{row['sources']}: {_label(row)}", _percent(row["eps"], row)


def _by_own_accuracy(row: Row, sources: Sources) -> Place | None:
    known = sources[row["source"]]
    if known.accuracy is None:
        return None
    return row["target"], f"{known.data}: {_label(row)}, eps {row['eps']:g}", _percent(100 * known.accuracy, row)


def _by_width(row: Row, sources: Sources) -> Place:
    return row["target"], f"{row['sources']}: {_label(row)}, eps {row['eps']:g}", _percent(row["width"], row)


def _by_texture(row: Row, sources: Sources) -> Place:
    names = ("plain", "stylized", "stylized low", "stylized high", "plain low", "plain high")
    return row["target"], f"{row['kind']}: {_label(row)}", Point(*(100 * row[name] for name in names))


@dataclass(frozen=True)
class Figure:
    """A figure: the table whose rows it shows and how, what its axes are called, and whether points are joined."""

    table: str
    place: Callable[[Row, Sources], Place | None]
    xlabel: str
    joined: bool
    ylabel: str = "accuracy in percent"


FIGURES = {
    "by-eps": Figure("by-eps", _by_eps, "eps that the source withstands", joined=True),
    "linearity": Figure("by-eps", _by_own_accuracy, "accuracy of the source on its own data", joined=False),
    "by-width": Figure("by-width", _by_width, "width of the source", joined=True),
    "by-texture": Figure(
        "by-texture", _by_texture, "accuracy on plain images", joined=False, ylabel="accuracy on stylized images"
    ),
}


def save_tables(tables: Sequence[Table], sources: Sources, folder: Path) -> list[Path]:
    """Write each table as NAME.csv and its figure as NAME.png, in place of earlier ones; returns the figures."""
    by_name = {table.name: table for table in tables}
    for name in set(NAMES) - by_name.keys():
        for kind in ("csv", "png"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
    for table in tables:
        write_text(folder / f"{table.name}.csv", table.to_csv())
    return [
        _draw(FIGURES[name], by_name[FIGURES[name].table], sources, folder / f"{name}.png", name == "by-eps")
        for name in by_name
    ]


def _draw(figure: Figure, table: Table, sources: Sources, path: Path, beside_published: bool) -> Path:
    from matplotlib import figure as drawing

    panels: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    published: dict[str, dict[str, dict[float, float]]] = defaultdict(dict)
    for row in (dict(zip(table.columns, values, strict=True)) for values in table.rows):
        if (place := figure.place(row, sources)) is None:
            continue
        target, series, point = place
        panels[target][series].append(point)
        fits = beside_published and (row["mode"], row["norm"]) == ("fixed", "l2")
        if known := curve(_published_name(target), row["granularity"]) if fits else {}:
            published[target][f"ResNet-50 of the paper: {_label(row)}"] = known
    columns = min(4, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    drawn = drawing.Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    for number, (target, title) in enumerate(zip(panels, short([*panels]), strict=True)):
        axes = drawn.add_subplot(rows, columns, number + 1)
        for label, points in panels[target].items():
            _curve(axes, label, sorted(points), figure.joined)
        for label, known in published[target].items():
            axes.plot(list(known), list(known.values()), "--x", label=label, alpha=0.7)
        axes.set(title=title, xlabel=figure.xlabel, ylabel=figure.ylabel)
        axes.legend(fontsize="x-small")
    with replacing(path) as temporary:
        drawn.savefig(temporary, dpi=120)
    return path


def _curve(axes: Any, label: str, points: list[Point], joined: bool) -> None:
    x, y, low, high, left, right = zip(*points, strict=True)
    across = None if None in left else _reach(x, left, right)
    axes.errorbar(x, y, yerr=_reach(y, low, high), xerr=across, fmt="o-" if joined else "o", capsize=2, label=label)


def _reach(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[list[float]]:
    """From each value down and up to the ends of its interval. A mean may lie outside the interval of its rounding."""
    down = [max(0.0, value - end) for value, end in zip(values, low, strict=True)]
    return [down, [max(0.0, end - value) for value, end in zip(values, high, strict=True)]]


def _percent(x: float, row: Row) -> Point:
    return Point(x, *(100 * row[name] for name in ("accuracy", "low", "high")))


def _label(row: Row) -> str:
    side, norm = row["granularity"], row.get("norm", "l2")
    return ", ".join([row["mode"], *([f"{side} px"] if side else []), *([norm] if norm != "l2" else [])])


def _published_name(target: str) -> str:
    """What the paper calls a target that is surely one of its data sets: paper:pets, torchvision:CIFAR10. The name of a
    file proves nothing."""
    return target.partition(":")[2].lower()
