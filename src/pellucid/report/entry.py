"""An entry of the report: one figure or table of a paper, and what is found when it is made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from .scene import Scene, withstands

if TYPE_CHECKING:
    from ..gallery.sheet import Row

Paper = Literal["synthesis", "representations", "style", "transfer"]
Need = Literal["beside", "gaussians", "data", "train", "judge", "styles", "targets", "linf"]

NEEDS: dict[Need, str] = {
    "beside": "a standard classifier of the same classes: --beside",
    "gaussians": "class Gaussians in the classifier's bundle: pellucid gaussians",
    "data": "labeled images: --data",
    "train": "training images beside the test images: --data",
    "judge": "an independent classifier: --judge",
    "styles": "pictures whose style is taken: --styles",
    "targets": "data sets to transfer to: --targets",
    "linf": "a classifier trained with --attack.norm linf: --beside",
}
"""What an entry may need beside the classifier, and where it comes from."""


@dataclass(frozen=True)
class Entry:
    """One figure or table of a paper.

    Attributes:
        id: the paper's short name and the place: `synthesis-figure-3`. The function that makes it stands in the module
            of that paper, under the name of the place: `figure_3` in `report/synthesis.py`.
        shows: one sentence.
        needs: of `NEEDS`.
        reason: why pellucid does not make it, or "".
        task: the command that makes the like, one at a time; "" where none does.
    """

    id: str
    shows: str
    needs: tuple[Need, ...] = ()
    reason: str = ""
    task: str = ""

    @property
    def paper(self) -> str:
        """The short name of its paper."""
        return self.id.partition("-")[0]

    @property
    def make(self) -> Callable[[Scene], Finding]:
        """The function that makes it."""
        return getattr(import_module(f".{self.paper}", __package__), self.id.partition("-")[2].replace("-", "_"))

    def missing(self, scene: Scene) -> str:
        """What it needs and the scene has not, as one line, or ""."""
        there = {
            "beside": len(scene.classifiers) > 1,
            "gaussians": scene.classifier.gaussians is not None,
            "data": scene.data is not None,
            "train": scene.data is not None and len(scene.data.train) > 0,
            "judge": scene.judge is not None,
            "styles": bool(scene.styles),
            "targets": bool(scene.targets),
            "linf": any(withstands(classifier) == "linf" for classifier in list(scene.classifiers.values())[1:]),
        }
        return "; ".join(NEEDS[need] for need in self.needs if not there[need])


@dataclass(frozen=True)
class Interval:
    """A measured number with its 95% confidence interval.

    >>> str(Interval(0.5, 0.42, 0.58))
    '0.5 [0.42, 0.58]'
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_mean(cls, values: Sequence[float]) -> Interval:
        """Of the mean of independent values, by Student's t; of a single value it has no bounds.

        >>> str(Interval.of_mean([1, 2, 3]))
        '2 [-0.484, 4.48]'
        """
        from ..evaluation.intervals import interval

        low, high = interval(values) or (-math.inf, math.inf)
        return cls(fmean(values), low, high)

    @classmethod
    def of_difference(cls, first: Sequence[float], second: Sequence[float]) -> Interval:
        """Of the mean of first - second, pair by pair."""
        return cls.of_mean([a - b for a, b in zip(first, second, strict=True)])

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Claim:
    """What a paper says, as a difference that it says is above zero.

    Attributes:
        says: the claim in one sentence.
        difference: as measured.
        published: the paper's own difference, where it gives one.
    """

    says: str
    difference: Interval
    published: float | None = None

    @property
    def verdict(self) -> Literal["agrees", "disagrees", "undecided"]:
        """Agrees if the whole 95% interval is above 0, disagrees if the whole is below, otherwise undecided.

        >>> Claim("robust is larger", Interval(2, 1, 3)).verdict, Claim("so is it", Interval(0, -1, 1)).verdict
        ('agrees', 'undecided')
        """
        if self.difference.low > 0:
            return "agrees"
        return "disagrees" if self.difference.high < 0 else "undecided"


@dataclass(frozen=True)
class Table:
    """Published numbers beside measured ones, or measured ones alone.

    Attributes:
        columns: their titles.
        rows: cells of text, numbers, or numbers with intervals; None stays empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | Interval | None]]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        text: what was done, with the settings that matter, and how to read it.
        pictures: rows of images.
        plot: draws into matplotlib axes.
        table: numbers.
        claims: what the paper says, measured.
        command: the command line that does the like, without `pellucid`.
        python: lines that do the like.
    """

    text: str
    pictures: Sequence[Row] = ()
    plot: Callable[[Any], None] | None = None
    table: Table | None = None
    claims: Sequence[Claim] = field(default=())
    command: str = ""
    python: str = ""
