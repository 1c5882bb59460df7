"""Which robustness should a source have for my images? An estimate from few images, with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ...base.checks import positive_int
from ...base.devices import Precision
from ...base.errors import InputError
from ...core.classifier import Classifier
from ...data.dataset import Dataset, LabeledImages
from ..features import features
from ..head import best_of, choose, fits, folds
from ..metrics import METRICS, Metric, metric_of

DRAWS = 1000


@dataclass(frozen=True)
class Advice:
    """The comparison of sources on a probe.

    Attributes:
        sources: their names, the best first.
        accuracies: of each, cross-validated on the probe's images.
        intervals: 95% of each, over images like these.
        shares: of the resamplings of the images, those in which each source is the best.
        gap: by how much the first is ahead of the second, with its 95% interval: (value, low, high).
        images: how many there were.
        metric: what accuracy is.
    """

    sources: list[str]
    accuracies: list[float]
    intervals: list[tuple[float, float]]
    shares: list[float]
    gap: tuple[float, float, float]
    images: int
    metric: Metric

    @property
    def certain(self) -> bool:
        """Whether the first is ahead of the second beyond what chance among the images explains."""
        return self.gap[1] > 0

    def __str__(self) -> str:
        value, low, high = (100 * number for number in self.gap)
        ahead = f"{value:.1f} points [{low:.1f}, {high:.1f}] ahead of {self.sources[1]}"
        if self.certain:
            return f"use {self.sources[0]}: {ahead} on {self.images} images"
        return f"{self.images} images cannot tell {self.sources[0]} from {self.sources[1]}: it is {ahead}; probe more"


def advise(
    sources: Mapping[str, Classifier],
    target: Callable[[int | None], Dataset],
    *,
    images: int = 1000,
    parts: int = 5,
    seed: int = 0,
    layer: str = "representation",
    metric: Metric | Literal["auto"] = "auto",
    cache: str | Path | None = None,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
) -> Advice:
    """Compare sources by fixed features of some training images; test images are not looked at.

    Every image is predicted by a head that was fitted to the other parts' images; the resamplings that give the
    intervals are the same for all sources, so that a difference is not blurred by which images are easy. They are
    widened, because other images would also have been other ones to fit the heads to.

    Args:
        sources: two or more, by name; two or three radii are enough to see where the best lies.
        target: from a side in pixels to the data set with images of that size.
        images: how many of the training images to look at, as evenly over the classes as they allow.
        parts: of the cross-validation.
        seed: of the choice of images and of the parts.
        layer: the layer whose activations are the features.
        metric: `top-1` or `per-class`; auto takes the paper's choice for its data sets, else top-1.
        cache: a folder for features.
        precision: of the networks' passes.
        callback: called with the share of the work that is done.

    Raises:
        InputError: fewer than two sources, a class with fewer images than parts.

    >>> import pellucid as pl
    >>> pair = {name: pl.load(name, "cpu") for name in ("cifar10-l2-0.5", "cifar10-standard")}
    >>> pixels = torch.randint(0, 256, (20, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
    >>> split = pl.Split(pixels, torch.arange(20) % 2)
    >>> noise = pl.Dataset("noise", split, split, ["a", "b"])
    >>> advise(pair, lambda size: noise, images=20).certain
    False
    """
    positive_int("images", images)
    if len(sources) < 2:
        raise InputError("advice is a choice between sources; name two or more, such as of two radii")
    right: dict[str, Tensor] = {}
    measured: Metric = "top-1"
    labels = torch.empty(0)
    for number, (name, source) in enumerate(sources.items()):
        data = target(source.size)
        measured = metric_of(data.name) if metric == "auto" else metric
        some = subset(data.train, images, seed)
        found = features(source, some, layer=layer, cache=cache, precision=precision)
        labels = some.labels[found.index]
        right[name] = cross_validated(found.values, labels, data.class_names, parts, seed, measured)
        if callback is not None:
            callback((number + 1) / len(sources))
    return compare(right, labels, measured, parts, seed)


def subset(split: LabeledImages, count: int, seed: int) -> LabeledImages:
    """`count` images, in turns one of each class as long as it has any left; which ones follows from the seed."""
    mixed = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    labels = split.labels[mixed]
    turn = torch.zeros(len(labels), dtype=torch.int64)
    for label in labels.unique():
        turn[labels == label] = torch.arange(int((labels == label).sum()))
    chosen = mixed[turn.argsort(stable=True)[:count]].sort().values
    return split.subset(chosen, split.labels[chosen])


def cross_validated(
    values: Tensor, labels: Tensor, class_names: list[str], parts: int, seed: int, metric: Metric
) -> Tensor:
    """The predictions `(N,)` for features `(N, U)`, each by a head that was fitted to other images.

    The penalty is chosen on the first part, for all.
    """
    divided = folds(labels, class_names, parts, seed)
    train, held = divided[0]
    tried = choose((values[train], labels[train]), (values[held], labels[held]), metric)
    best = best_of(tried)
    predicted = torch.empty_like(labels)
    for train, held in divided:
        [head] = fits(values[train], labels[train], [best])
        predicted[held] = head.predict(values[held])
    return predicted


def compare(predicted: Mapping[str, Tensor], labels: Tensor, metric: Metric, parts: int, seed: int) -> Advice:
    """Advice from each source's predictions of the same images, by the paired bootstrap over images.

    Its deviations are stretched as Nadeau & Bengio 2003 do those of repeated fits: heads of parts that share images err
    alike. Without that the gap's interval excludes 0 for one in nine pairs of equally good sources; with it, for one
    in fifty.
    """
    measure, names = METRICS[metric], list(predicted)
    drawn = torch.randint(len(labels), (DRAWS, len(labels)), generator=torch.Generator().manual_seed(seed))
    resampled = torch.tensor([[measure(predicted[name][rows], labels[rows]) for name in names] for rows in drawn])
    accuracies = torch.tensor([measure(predicted[name], labels) for name in names])
    resampled = accuracies + math.sqrt(1 + parts / (parts - 1)) * (resampled - accuracies)
    order = accuracies.argsort(descending=True)
    first, second = (int(number) for number in order[:2])
    # Sources that are equally good in a resampling share it.
    best = (resampled == resampled.amax(1, keepdim=True)).float()
    shares = (best / best.sum(1, keepdim=True)).mean(0)
    ends = torch.tensor([0.025, 0.975])
    low, high = torch.quantile(resampled[:, first] - resampled[:, second], ends).tolist()
    between = torch.quantile(resampled, ends, dim=0).clamp(0, 1)
    return Advice(
        [names[number] for number in order.tolist()],
        accuracies[order].tolist(),
        [(float(between[0, number]), float(between[1, number])) for number in order],
        shares[order].tolist(),
        (float(accuracies[first] - accuracies[second]), low, high),
        len(labels),
        metric,
    )
