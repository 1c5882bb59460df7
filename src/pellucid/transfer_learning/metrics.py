"""Accuracies, and how much they vary with the images."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

Metric = Literal["top-1", "per-class"]

PER_CLASS = {
    "aircraft", "fgvcaircraft", "caltech101", "caltech256", "flowers", "flowers102", "oxfordflowers",
    "oxfordflowers102", "pets", "oxfordpets", "oxfordiiitpet", "oxfordiiitpets",
}  # fmt: skip
"""Names (lower case, letters and digits only) of the data sets that Salman et al. 2020 (appendix A.1) and others
measure by mean per-class accuracy."""


def top1(predicted: Tensor, labels: Tensor) -> float:
    """The share of correct predictions, from two `(N,)`."""
    return float((predicted == labels).double().mean())


def per_class(predicted: Tensor, labels: Tensor) -> float:
    """The share of correct predictions in each class that occurs in `labels`, averaged; from two `(N,)`.

    >>> predicted, labels = torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1])
    >>> top1(predicted, labels), per_class(predicted, labels)
    (0.75, 0.5)
    """
    counts = torch.bincount(labels)
    hits = torch.bincount(labels[predicted == labels], minlength=len(counts))
    return float((hits.double() / counts)[counts > 0].mean())


METRICS: dict[Metric, Callable[[Tensor, Tensor], float]] = {"top-1": top1, "per-class": per_class}


def metric_of(data: str) -> Metric:
    """The metric in which the paper reports this data set; top-1 for those that it does not have.

    A side in pixels may stand behind the name, so that `caltech101_64` is measured as Caltech-101 is.

    >>> metric_of("caltech101_64"), metric_of("oxford-pets"), metric_of("petshop")
    ('per-class', 'per-class', 'top-1')
    """
    spellings = (re.sub(r"[\W_]", "", name) for name in (data.lower(), re.sub(r"[\W_]\d+(px)?$", "", data.lower())))
    return "top-1" if PER_CLASS.isdisjoint(spellings) else "per-class"


def sampling_interval(
    predicted: Sequence[Tensor], labels: Tensor, metric: Metric, draws: int = 1000
) -> tuple[float, float]:
    """The 95% interval of the mean accuracy of several predictions `(N,)`, by the bootstrap over the N images.

    >>> low, high = sampling_interval([torch.ones(100)], (torch.arange(100) < 60).long(), "top-1")
    >>> 0.45 < low < 0.55 and 0.65 < high < 0.75
    True
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(labels), (draws, len(labels)), generator=generator)
    measured = torch.tensor([[METRICS[metric](one[rows], labels[rows]) for one in predicted] for rows in drawn]).mean(1)
    low, high = torch.quantile(measured, torch.tensor([0.025, 0.975])).tolist()
    return low, high
