"""A layer's activations over a whole split, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..base.devices import Precision
from ..base.errors import InputError
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..core.objective import pooled
from .dataset import LabeledImages

READ = 512  # images that are read from a split at once


def readings(
    classifier: Classifier,
    split: LabeledImages,
    layer: str,
    numbers: range,
    precision: Precision = "float32",
    view: Callable[[Tensor, int], Tensor] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The pooled activations of some images, batch by batch, without gradients.

    Args:
        classifier: what is read; frozen and in eval mode meanwhile.
        split: where the images come from; files that cannot be read may be left out.
        layer: `representation`, `logits`, or any other layer; positions are averaged over.
        numbers: which images of the split, in one piece.
        precision: "bfloat16" runs the network in autocast.
        view: what is done to images before, given them and the number of the first of them.

    Yields:
        Numbers of images, `(n,)`, and their activations, `(n, U)` float32, both on the CPU.

    Raises:
        InputError: activations that are not finite.
    """
    device = classifier.device
    read = classifier.reader([layer])
    with torch.no_grad():
        for first in range(numbers.start, numbers.stop, READ):
            index, images = readable(split, range(first, min(first + READ, numbers.stop)))
            if not len(index):
                continue
            images = images if view is None else view(images, first)
            parts = math.ceil(len(index) / at_once(images))
            for some, batch in zip(index.chunk(parts), images.chunk(parts), strict=True):
                batch = batch.to(device)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                    values = pooled(read(batch)[layer]).cpu()
                if not bool(values.isfinite().all()):
                    raise InputError(f"layer {layer!r} is not finite on images {int(some[0])} to {int(some[-1])}")
                yield some, values


def readable(split: LabeledImages, numbers: range) -> tuple[Tensor, Tensor]:
    """Which of these images of a split can be read, and these in [0, 1]."""
    index = torch.arange(numbers.start, numbers.stop)
    images, _ = split.batch(slice(numbers.start, numbers.stop))
    if len(images) < len(index):
        index = torch.tensor([n for n in numbers if len(split.raw(slice(n, n + 1)))], dtype=torch.int64)
    return index, images
