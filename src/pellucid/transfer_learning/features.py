"""Features: the activations of a layer for the images of a split, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.checks import check_classifier
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.task import task
from ..core.classifier import Classifier
from ..data.augment import Draws, random_part
from ..data.dataset import LabeledImages, check_labeled
from ..data.identity import content_digest
from ..data.parts import Parts
from ..data.readings import readings
from .content import network_facts


@dataclass(frozen=True)
class Features:
    """Features of a split.

    Attributes:
        values: `(n, U)` float32, on the CPU.
        index: `(n,)` int64, the numbers of their images: files that cannot be read may have been left out.
    """

    values: Tensor
    index: Tensor

    def __repr__(self) -> str:
        return f"Features({len(self.index)} images, {self.values.shape[1]} units)"


@dataclass(frozen=True)
class View:
    """How images are shown to the classifier: as they are, or as random parts.

    Number 0 shows them as they are. Any other number shows of each image a random part, mirrored or not, at the
    image's size (Szegedy et al. 2015); which part follows from the number and the image's place in the split.
    """

    number: int = 0

    def __call__(self, images: Tensor, first: int) -> Tensor:
        """`(N, 3, H, W)` in [0, 1], which begin at this place of the split, to the same shape."""
        if not self.number:
            return images
        mixed = np.random.SeedSequence([self.number, first]).generate_state(1, np.uint64)
        draws = Draws(torch.Generator().manual_seed(int(mixed[0])), len(images))
        return random_part(images, draws, (images.shape[2], images.shape[3]))


@task()
def features(
    classifier: Classifier,
    split: LabeledImages,
    *,
    layer: str = "representation",
    view: View | None = None,
    cache: str | Path | None = None,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
) -> Features:
    """The activations of a layer for every image of a split, in eval mode and with the classifier's normalization.

    Args:
        classifier: the source.
        split: images of its size.
        layer: `representation`, `logits` or any other layer; positions of convolutional layers are averaged.
        view: how the images are shown; as they are if not given.
        cache: a folder, in which the features are found again by what they depend on: the classifier's network and
            normalization, the images, layer and axis of its units, view and precision. A damaged file is replaced.
        precision: "bfloat16" runs the network in autocast.
        callback: called with the share of the images that is done.

    Raises:
        InputError: no images, images of another size, a layer that does not exist, features that are not finite.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    >>> features(pl.load("cifar10-l2-0.5", "cpu"), split).values.shape
    torch.Size([4, 320])
    """
    _check(classifier, split)
    view, parts = view or View(), Parts(None if cache is None else Path(cache))
    key = "" if cache is None else _key(classifier, split, layer, view, precision)
    return Features(**parts.get(key, lambda: _compute(classifier, split, layer, view, precision, callback)))


def _compute(
    classifier: Classifier, split: LabeledImages, layer: str, view: View, precision: Precision,
    callback: Callable[[float], None] | None,
) -> dict[str, Tensor]:  # fmt: skip
    values, index = [], []
    for numbers, found in readings(classifier, split, layer, range(len(split)), precision, view):
        values.append(found)
        index.append(numbers)
        if callback is not None:
            callback((int(numbers[-1]) + 1) / len(split))
    return {"values": torch.cat(values), "index": torch.cat(index)}


def _key(classifier: Classifier, split: LabeledImages, layer: str, view: View, precision: Precision) -> str:
    """The sha256 of everything that the features depend on."""
    where = [layer, classifier.unit_axes.get(layer)]
    facts = [3, *network_facts(classifier), content_digest(split), *where, view.number, precision]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _check(classifier: Classifier, split: LabeledImages) -> None:
    check_classifier(classifier)
    check_labeled(split)
    if not len(split):
        raise InputError("there are no images to compute features of")
    height, width = split.size
    if classifier.size and (height, width) != (classifier.size, classifier.size):
        raise InputError(f"the images are {width} x {height} and the source takes {classifier.size} px; give that size")
