"""The paper's analyses of a study, each a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...evaluation.intervals import interval
from ..source import SourceFacts
from .linearity import linearity

Results = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """An analysis.

    Attributes:
        name: of its files.
        title: what it shows, in one line.
        columns: their heads.
        rows: texts and numbers, or None where there is none.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def to_csv(self) -> str:
        """As comma-separated values."""
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([self.columns, *self.rows])
        return text.getvalue()


NAMES = ("by-eps", "linearity", "by-width", "by-texture")


def analyses(results: Results, sources: dict[str, SourceFacts], textures: Textures | None = None) -> list[Table]:
    """The tables that can be made of these results: by radius and granularity, of linearity, by width, by texture."""
    made = [by_eps(results, sources), of_linearity(results, sources), by_width(results, sources)]
    made.append(by_texture(results, sources, textures or Textures()))
    return [table for table in made if table.rows]


def by_eps(results: Results, sources: dict[str, SourceFacts]) -> Table:
    """Accuracy against the radius that the source withstands, for every target and granularity (figures 2, 3 and 7).

    Sources are on one curve if they have the same architecture and were trained on the same data.
    """
    rows = []
    for result in results:
        facts = sources[result["source"]]
        if facts.eps is not None:
            row = (facts.norm, facts.eps, result["source"], result["accuracy"], *_ends(result), result["metric"])
            rows.append((*_series(result), f"{facts.arch} of {facts.data}", *row))
    columns = ("target", "mode", "granularity", "sources", "norm", "eps", "source", "accuracy", "low", "high", "metric")
    return Table("by-eps", "accuracy by the source's eps", columns, sorted(rows, key=_sortable))


def of_linearity(results: Results, sources: dict[str, SourceFacts]) -> Table:
    """How well the sources' accuracy predicts the transfer's, at each radius, for one source data set (figure 5)."""
    groups: dict[tuple, list[tuple[float, float]]] = defaultdict(list)
    for result in results:
        facts = sources[result["source"]]
        if facts.accuracy is not None and facts.eps is not None:
            group = groups[(*_series(result), facts.data, facts.norm, facts.eps)]
            group.append((facts.accuracy, result["accuracy"]))
    rows = []
    for key, points in groups.items():
        x, y = zip(*points, strict=True)
        if len(set(x)) >= 3 and len(set(y)) >= 2:
            found = linearity(x, y)
            without = (min(found.without), max(found.without))
            rows.append(
                (*key, len(x), *(round(v, 4) for v in (found.r2, found.low, found.high, found.slope, *without)))
            )
    columns = ("target", "mode", "granularity", "sources", "norm", "eps", "count", "r2", "low", "high", "slope",
               "least without one", "most without one")  # fmt: skip
    return Table("linearity", "accuracy by the source's own accuracy", columns, sorted(rows, key=_sortable))


def by_width(results: Results, sources: dict[str, SourceFacts]) -> Table:
    """Accuracy against the width of the source, at each radius and of one data set, where there are two (figure 6)."""
    groups: dict[tuple, list[tuple]] = defaultdict(list)
    for result in results:
        facts = sources[result["source"]]
        if facts.width is not None and facts.eps is not None:
            row = (facts.width, result["source"], result["accuracy"], *_ends(result))
            groups[(*_series(result), facts.data, facts.norm, facts.eps)].append(row)
    rows = [(*key, *row) for key, found in groups.items() if len({row[0] for row in found}) > 1 for row in found]
    columns = ("target", "mode", "granularity", "sources", "norm", "eps", "width", "source", "accuracy", "low", "high")
    return Table("by-width", "accuracy by the source's width", columns, sorted(rows, key=_sortable))


@dataclass(frozen=True)
class Textures:
    """The texture settings of a study.

    Attributes:
        copies: for each target, its stylized copy.
        augmented: the sources that were trained on stylized images.
    """

    copies: Mapping[str, str] = field(default_factory=dict)
    augmented: Collection[str] = ()

    def kind(self, source: str, facts: SourceFacts) -> str | None:
        """texture-augmented, robust or standard; None if the source's card gives no eps."""
        if source in self.augmented:
            return "texture-augmented"
        return None if facts.eps is None else "robust" if facts.eps else "standard"


def by_texture(results: Results, sources: dict[str, SourceFacts], textures: Textures) -> Table:
    """Accuracy on plain test images and on stylized ones, by what the source was trained for (figure 8)."""
    found = {(result["source"], *_series(result)): result for result in results}
    rows = []
    for (source, target, mode, side), plain in found.items():
        kind = textures.kind(source, sources[source])
        stylized = found.get((source, textures.copies.get(target, ""), mode, side))
        if kind is not None and stylized is not None:
            both = (plain["accuracy"], *_ends(plain), stylized["accuracy"], *_ends(stylized))
            rows.append((target, mode, side, kind, sources[source].eps, source, *both, plain["metric"]))
    columns = ("target", "mode", "granularity", "kind", "eps", "source", "plain", "plain low", "plain high",
               "stylized", "stylized low", "stylized high", "metric")  # fmt: skip
    return Table("by-texture", "accuracy on plain and on stylized images", columns, sorted(rows, key=_sortable))


def _series(result: dict[str, Any]) -> tuple[str, str, int | None]:
    recipe = result["recipe"]
    return result["target"], recipe["mode"], recipe["granularity"]


def _ends(result: dict[str, Any]) -> tuple[float, float]:
    """The wider of the intervals, over test images and over seeds."""
    low, high = result["sampling_interval"]
    seeds = interval(result[result["metric"]]) or (low, high)
    return round(min(low, seeds[0]), 4), round(max(high, seeds[1]), 4)


def _sortable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, value if value is not None else 0) for value in row)
