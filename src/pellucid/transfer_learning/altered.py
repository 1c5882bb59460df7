"""A target without its fine detail, and a source without its normalization."""

from __future__ import annotations

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset, Split, changed
from ..data.image import cover


def coarse(data: Dataset, side: int) -> Dataset:
    """The images brought to `side` pixels and back, both bilinearly as in the paper (section 4.3): fine detail goes.

    Raises:
        InputError: a side above the images' own, images that are not in memory.
    """
    if side > min(data.size):
        raise InputError(f"granularity {side} is above the images' own side, {min(data.size)}")

    if not (isinstance(data.train, Split) and isinstance(data.test, Split)):
        raise InputError("granularity needs the images in memory: take fewer or smaller ones")
    return changed(data, lambda images: cover(cover(images, side), data.size))


def unnormalized(source: Classifier) -> Classifier:
    """The same network without its normalization."""
    zeros, ones = [0.0] * source.mean.numel(), [1.0] * source.mean.numel()
    bare = Classifier(source.network, zeros, ones, source.class_names, source.head, source.card)
    bare.unit_axes = source.unit_axes
    return bare.to(source.device).train(source.training)
