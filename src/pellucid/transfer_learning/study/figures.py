"""The figures of a study: a panel for each target, a curve for each series."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...base.files import replacing
from ..source import SourceFacts
from .analysis import NAMES, Table
from .published import curve


class Point(NamedTuple):
    """What is drawn: a place, and the ends of the intervals of y and of x, if that has one."""

    x: float
    y: float
    low: float
    high: float
    left: float | None = None
    right: float | None = None


@dataclass
class Panel:
    """What is drawn of one target: points by series, in percent, and published curves."""

    series: dict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))
    published: dict[str, dict[float, float]] = field(default_factory=dict)


def eps_figure(table: Table, path: Path) -> Path:
    """Accuracy over eps, one curve for each mode and granularity; published curves of a ResNet-50 beside them."""
    panels: dict[str, Panel] = defaultdict(Panel)
    for target, mode, side, family, norm, eps, _, accuracy, low, high, _ in table.rows:
        panel = panels[target]
        panel.series[f"{family}: {_label(mode, side, norm)}"].append(_percent(eps, accuracy, low, high))
        known = curve(_published_name(target), side) if (mode, norm) == ("fixed", "l2") else {}
        if known:
            panel.published[f"ResNet-50 of the paper: {_label(mode, side, norm)}"] = known
    return _draw(panels, path, "eps that the source withstands", joined=True)


def linearity_figure(table: Table, sources: dict[str, SourceFacts], path: Path) -> Path:
    """Accuracy over the source's own accuracy, one series for each eps; `table` is that of `by_eps`."""
    panels: dict[str, Panel] = defaultdict(Panel)
    for target, mode, side, _, norm, eps, source, accuracy, low, high, _ in table.rows:
        own = sources[source].accuracy
        if own is not None:
            label = f"{sources[source].data}: {_label(mode, side, norm)}, eps {eps:g}"
            panels[target].series[label].append(_percent(100 * own, accuracy, low, high))
    return _draw(panels, path, "accuracy of the source on its own data", joined=False)


def width_figure(table: Table, path: Path) -> Path:
    """Accuracy over width, one curve for each eps."""
    panels: dict[str, Panel] = defaultdict(Panel)
    for target, mode, side, data, norm, eps, width, _, accuracy, low, high in table.rows:
        label = f"{data}: {_label(mode, side, norm)}, eps {eps:g}"
        panels[target].series[label].append(_percent(width, accuracy, low, high))
    return _draw(panels, path, "width of the source", joined=True)


def texture_figure(table: Table, path: Path) -> Path:
    """Accuracy on stylized images over accuracy on plain ones, one series for each kind of source."""
    panels: dict[str, Panel] = defaultdict(Panel)
    for target, mode, side, kind, _, _, plain, left, right, stylized, low, high, _ in table.rows:
        values = (100 * value for value in (plain, stylized, low, high, left, right))
        panels[target].series[f"{kind}: {_label(mode, side, 'l2')}"].append(Point(*values))
    return _draw(panels, path, "accuracy on plain images", joined=False, ylabel="accuracy on stylized images")


def save_tables(tables: Sequence[Table], sources: dict[str, SourceFacts], folder: Path) -> list[Path]:
    """Write each table as NAME.csv and its figure as NAME.png, in place of earlier ones; returns the figures."""
    for name in set(NAMES) - {table.name for table in tables}:
        for kind in ("csv", "png"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
    by_name = {table.name: table for table in tables}
    draw = {
        "by-eps": eps_figure,
        "linearity": lambda _, path: linearity_figure(by_name["by-eps"], sources, path),
        "by-width": width_figure,
        "by-texture": texture_figure,
    }
    for table in tables:
        with replacing(folder / f"{table.name}.csv") as temporary:
            temporary.write_text(table.to_csv(), encoding="utf-8")
    return [draw[table.name](table, folder / f"{table.name}.png") for table in tables]


def _draw(panels: dict[str, Panel], path: Path, xlabel: str, joined: bool, ylabel: str = "accuracy in percent") -> Path:
    from matplotlib.figure import Figure

    columns = min(4, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    figure = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    for number, (title, panel) in enumerate(zip(_titles(panels), panels.values(), strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        for label, points in panel.series.items():
            _curve(axes, label, sorted(points), joined)
        for label, known in panel.published.items():
            axes.plot(list(known), list(known.values()), "--x", label=label, alpha=0.7)
        axes.set_title(title)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.legend(fontsize="x-small")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
    return path


def _curve(axes: Any, label: str, points: list[Point], joined: bool) -> None:
    x, y, low, high, left, right = zip(*points, strict=True)
    across = None if None in left else _reach(x, left, right)
    axes.errorbar(x, y, yerr=_reach(y, low, high), xerr=across, fmt="o-" if joined else "o", capsize=2, label=label)


def _reach(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[list[float]]:
    """From each value down and up to the ends of its interval. A mean may lie outside the interval of its rounding."""
    down = [max(0.0, value - end) for value, end in zip(values, low, strict=True)]
    return [down, [max(0.0, end - value) for value, end in zip(values, high, strict=True)]]


def _percent(x: float, accuracy: float, low: float, high: float) -> Point:
    return Point(x, 100 * accuracy, 100 * low, 100 * high)


def _label(mode: str, side: int | None, norm: str) -> str:
    return ", ".join([mode, *([f"{side} px"] if side else []), *([norm] if norm != "l2" else [])])


def _published_name(target: str) -> str:
    """What the paper calls a target that is surely one of its data sets: paper:pets, torchvision:CIFAR10. The name of a
    file proves nothing."""
    return target.partition(":")[2].lower()


def _titles(targets: Collection[str]) -> list[str]:
    """Targets' names without their folders, unless that makes two alike.

    >>> _titles(["a/signs.npz", "photos"]), _titles(["a/signs.npz", "b/signs.npz"])
    (['signs.npz', 'photos'], ['a/signs.npz', 'b/signs.npz'])
    """
    last = [Path(target).name for target in targets]
    return last if len(set(last)) == len(last) else list(targets)
