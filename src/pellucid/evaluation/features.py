"""What measures of sets of images read: a network's representation and logits, in one pass over the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..base.checks import check_classifier
from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.image import cover
from .inception import Inception
from .threat import check_runs

READ = 512  # images that are read from a split at once

Read = Callable[[Tensor], tuple[Tensor, Tensor]]


def feature_reader(features: Classifier | Inception, example: Tensor) -> Read:
    """A function from images `(n, 3, H, W)` in [0, 1], brought to the classifier's size, to features and logits.

    Raises `InputError` if the classifier cannot take an image like the example.
    """
    if isinstance(features, Inception):
        return features
    check_classifier(features)
    size = features.size

    def fitted(images: Tensor) -> Tensor:
        return (cover(images, size) if size else images).to(features.device)

    check_runs(features, fitted(example))
    reader = features.reader()

    def read(images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            seen = reader(fitted(images))
        return seen.representation, seen.logits

    return read


def read_features(read: Read, split: LabeledImages, batch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Numbers of images with their features and logits, float64 on the CPU, batch by batch."""
    for some in torch.arange(len(split)).split(READ):
        images, _ = split.batch(some)
        for index, part in zip(some.split(batch), images.split(batch), strict=True):
            values, logits = (found.cpu().double() for found in read(part))
            if not bool(values.isfinite().all() and logits.isfinite().all()):
                first, last = (split.name(int(number)) for number in (index[0], index[-1]))
                raise InputError(f"the features of images {first} to {last} are not finite")
            yield index, values, logits
