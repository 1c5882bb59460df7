"""Mean and standard deviation of the channels: what a classifier normalizes with."""

from __future__ import annotations

import torch

from ..base.errors import InputError
from .dataset import LabeledImages

CHUNK = 2**21  # values at a time: 16 MiB as float64


def channel_statistics(split: LabeledImages, at_most: int = 50_000) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over a split, in [0, 1] units, in one streaming pass.

        mean = sum(x) / n,   std = sqrt(sum(x^2) / n - mean^2)

    Sums of 8-bit values are exact in float64, so the result depends neither on the order nor on the chunks.

    Args:
        split: images in memory or in files.
        at_most: how many images of a larger split are read, spread evenly over it.

    Raises:
        InputError: no images.

    >>> from pellucid import Split
    >>> gray = Split(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 4, 4), [0, 0])
    >>> channel_statistics(gray)
    ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    """
    height, width = split.size
    index = torch.arange(len(split))
    if len(split) > at_most:
        index = index[:at_most] * len(split) // at_most
    totals = torch.zeros(2, 3, dtype=torch.float64)
    count = 0
    for chunk in index.split(max(1, CHUNK // (3 * height * width))):
        values = split.raw(chunk).double()
        totals += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))]).cpu()
        count += len(values) * height * width
    if not count:
        raise InputError("there are no images to take the mean and standard deviation of")
    mean, square = totals[0] / count / 255, totals[1] / count / 255**2
    return mean.tolist(), (square - mean.square()).clamp_min(1e-8).sqrt().tolist()
