"""What was measured on the images of a test set: means with 95% intervals, and differences in pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..base.pictures import Table
from ..evaluation.intervals import interval, wilson

Values = dict[str, dict[str, Tensor]]  # metric -> method -> (N,)


@dataclass(frozen=True)
class Measured:
    """A metric of one method over all images.

    Attributes:
        metric, method: their names.
        images: how many there are.
        mean: over the images; of yes and no, the share of yes.
        low, high: the mean's 95% confidence interval: Student's t, of a share Wilson's; None of a single image.
        ahead: by how much the first classifier's mean is higher than this one; None for itself.
        ahead_low, ahead_high: the 95% interval of that, of the differences image by image (a paired t interval).
    """

    metric: str
    method: str
    images: int
    mean: float
    low: float | None
    high: float | None
    ahead: float | None = None
    ahead_low: float | None = None
    ahead_high: float | None = None


@dataclass(frozen=True, repr=False)
class Statistics(Table):
    """What every image gave, by metric and method; `print` shows the means.

    Attributes:
        task: what was measured.
        own: the method with which every other one is compared: the first classifier.
        values: metric -> method -> `(N,)`, numbers or bools, of the same images.
        settings: how it was measured.

    >>> values = {"PSNR, dB": {"bicubic": torch.tensor([20.0, 22.0, 24.0]), "ours": torch.tensor([20.5, 22.5, 24.5])}}
    >>> print(Statistics("superres", "ours", values))
    superres, 3 images: mean [95% interval]; behind it by how much ours is higher, image by image
    PSNR, dB
      bicubic  22.00 [17.03, 26.97]   0.50 [0.50, 0.50]
      ours     22.50 [17.53, 27.47]
    """

    task: str
    own: str
    values: Values
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images were measured."""
        return len(next(iter(next(iter(self.values.values())).values())))

    @property
    def rows(self) -> list[Measured]:
        """Metric by metric, the methods."""
        return [
            _measured(metric, method, values, methods[self.own] if method != self.own else None)
            for metric, methods in self.values.items()
            for method, values in methods.items()
        ]

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        header = (f"{self.task}, {self.images} images", "method", "mean [95% interval]", f"{self.own} is higher by")
        return header, [(row.metric, row.method, *_cells(row)) for row in self.rows]

    def __str__(self) -> str:
        rows, metric = self.rows, ""
        width = max(len(row.method) for row in rows)
        lines = [
            f"{self.task}, {self.images} images: mean [95% interval]; behind it by how much {self.own} is higher, "
            "image by image"
        ]
        for row in rows:
            if row.metric != metric:
                lines.append(row.metric)
            metric = row.metric
            lines.append(f"  {row.method:<{width}}  {'   '.join(filter(None, _cells(row)))}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, rounded to 5 places."""
        return {"task": self.task, "images": self.images, "own": self.own, **self.settings, "rows": self._rounded()}

    def to_csv(self) -> str:
        """One line for each metric and method, under a head."""
        text, rows = io.StringIO(), self._rounded()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def _rounded(self) -> list[dict[str, Any]]:
        return [{k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in self.rows]


def _measured(metric: str, method: str, values: Tensor, own: Tensor | None) -> Measured:
    numbers = values.double()
    mean = float(numbers.mean())
    ends = wilson(mean, len(values)) if values.dtype == torch.bool else interval(numbers.tolist())
    low, high = ends or (None, None)
    if own is None:
        return Measured(metric, method, len(values), mean, low, high)
    ahead = own.double() - numbers
    ends = interval(ahead.tolist()) or (None, None)
    return Measured(metric, method, len(values), mean, low, high, float(ahead.mean()), *ends)


def _cells(row: Measured) -> tuple[str, str]:
    digits = 2 if row.metric.endswith("dB") else 4
    ahead = "" if row.ahead is None else _cell(row.ahead, row.ahead_low, row.ahead_high, digits)
    return _cell(row.mean, row.low, row.high, digits), ahead


def _cell(mean: float, low: float | None, high: float | None, digits: int) -> str:
    ends = "" if low is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{mean:.{digits}f}{ends}"
