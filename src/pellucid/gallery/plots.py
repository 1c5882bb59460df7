"""Figures with axes: everything that is drawn with matplotlib, which is only loaded here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base.files import replacing
from ..evaluation.certify import Certified
from ..evaluation.layers import LayerRobustness
from ..evaluation.transferability import Transferability
from ..representation.distance import DistanceCurve
from ..training.transferability_study import TransferabilityStudy


@contextmanager
def figure(path: str | Path, width: float, height: float, rows: int = 1, columns: int = 1) -> Iterator[tuple[Any, Any]]:
    """Yields a figure and its axes (an array of them if there are several), an image file if the block ends well."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    yield drawn, drawn.subplots(rows, columns)
    with replacing(path) as temporary:
        drawn.savefig(temporary, dpi=150)


def plot_distances(curves: Mapping[str, DistanceCurve], path: str | Path) -> None:
    """Write the curves of several classifiers, by name, with their 95% confidence bands.

    Args:
        curves: what `pellucid.distance` returns, by the name that the legend shows.
        path: of an image file.
    """
    with figure(path, 6, 4) as (_, axes):
        for name, curve in curves.items():
            radii, mean, margin = curve.radii.numpy(), curve.mean.numpy(), curve.margin.nan_to_num().numpy()
            (line,) = axes.plot(radii, mean, marker="o", markersize=3, label=name)
            axes.fill_between(radii, mean - margin, mean + margin, alpha=0.2, color=line.get_color())
        axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("radius of the ball around the source")
        axes.set_ylabel("distance to the target's representation")
        axes.legend()


def plot_transferability(result: Transferability, path: str | Path) -> None:
    """Write the matrix of what `pellucid.transferability` returns as an image file, a row for each source."""
    side = 2.5 + 0.8 * len(result.names)
    with figure(path, side + 1, side) as (drawn, axes):
        shown = axes.imshow(result.rates.numpy(), cmap="viridis", vmin=0, vmax=1)
        axes.set_xticks(range(len(result.names)), result.names, rotation=45, ha="right")
        axes.set_yticks(range(len(result.names)), result.names)
        axes.set_xlabel("tried on")
        axes.set_ylabel("made on")
        for row, rates in enumerate(result.rates.tolist()):
            for column, rate in enumerate(rates):
                text = f"{100 * rate:.0f}" if rate == rate else "-"
                axes.text(column, row, text, ha="center", va="center", color="black" if rate > 0.6 else "white")
        drawn.colorbar(shown, label="share that fools the target")


def plot_transferability_study(study: TransferabilityStudy, path: str | Path) -> None:
    """Write what `pellucid.transferability_study` returns as an image file: a point for each architecture, with its
    95% intervals (Figure 3 of Ilyas et al. 2019)."""
    with figure(path, 6, 4.5) as (_, axes):
        points = zip(study.archs, study.learned, study.transfer, study.intervals(), strict=True)
        for arch, x, y, ((left, right), (low, high)) in points:
            ends = ((x, left, right), (y, low, high))
            across, along = ([[max(v - least, 0)], [max(most - v, 0)]] for v, least, most in ends)
            axes.errorbar([x], [y], xerr=across, yerr=along, fmt="o", capsize=2, label=arch)
        axes.set_xlabel("accuracy on clean images, trained on the non-robust data set")
        axes.set_ylabel("adversarial examples that transfer")
        axes.set_title(f"r = {study.r:.2f} [{study.low:.2f}, {study.high:.2f}]")
        axes.legend()


def plot_certified(found: Mapping[str, Certified], path: str | Path) -> None:
    """Write certified accuracy against the L2 radius, a curve for each name, with its accuracy under PGD as points."""
    with figure(path, 6, 4) as (_, axes):
        for name, certified in found.items():
            ends = [0.0, *certified.radius[certified.predicted == certified.labels].unique().tolist()]
            shares = [*(certified.accuracy(end) for end in ends), 0.0]
            (line,) = axes.step([*ends, ends[-1]], shares, where="pre", label=name)
            if certified.empirical:
                points = {"linestyle": "none", "marker": "o", "markersize": 4, "color": line.get_color()}
                axes.plot(*zip(*sorted(certified.empirical.items()), strict=True), label=f"{name}, under PGD", **points)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 1)
        axes.set_xlabel("L2 radius")
        axes.set_ylabel("certified accuracy")
        axes.legend()


def plot_layers(found: Mapping[str, Sequence[LayerRobustness]], path: str | Path) -> None:
    """Write R over the layers of each model from input to output, with its 95% intervals.

    Models with other layers have theirs side by side.
    """
    names = places([r.layer for r in results] for results in found.values())
    with figure(path, 7, 4) as (_, axes):
        for name, results in found.items():
            results = sorted(results, key=lambda r: names.index(r.layer))  # two models may disagree about an order
            where = [names.index(r.layer) for r in results]
            around = [[max(r.value - r.low, 0) for r in results], [max(r.high - r.value, 0) for r in results]]
            values = [r.value for r in results]
            axes.errorbar(where, values, yerr=around, marker="o", markersize=3, capsize=2, label=name)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_ylabel("R: largest change / distance of two images")
        axes.set_yscale("log")
        axes.legend()


def places(orders: Iterable[Sequence[str]]) -> list[str]:
    """Every layer of every model, each once: those of one model alone stand together, after the layer before them.

    >>> places([["stem", "representation", "head"], ["conv1", "fire2", "representation"]])
    ['conv1', 'fire2', 'stem', 'representation', 'head']
    """
    names: list[str] = []
    for order in orders:
        after = 0
        for layer in order:
            if layer not in names:
                names.insert(after, layer)
            after = names.index(layer) + 1
    return names
