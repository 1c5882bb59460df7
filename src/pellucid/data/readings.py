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
        split: where the images come from.
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
            index = torch.arange(first, min(first + READ, numbers.stop))
            images, _ = split.batch(index)
            images = images if view is None else view(images, first)
            parts = math.ceil(len(index) / at_once(images))
            for some, batch in zip(index.chunk(parts), images.chunk(parts), strict=True):
                batch = batch.to(device)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                    values = pooled(read(batch)[layer]).cpu()
                if not bool(values.isfinite().all()):
                    first, last = (split.name(int(number)) for number in (some[0], some[-1]))
                    raise InputError(f"layer {layer!r} is not finite on images {first} to {last}")
                yield some, values
