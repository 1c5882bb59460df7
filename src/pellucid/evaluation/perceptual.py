"""A perceptual distance of two images: LPIPS without learned weights (Zhang et al. 2018, arXiv 1801.03924)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import check_classifier, check_images
from ..base.errors import InputError
from ..base.image import Images
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..core.objective import Objective
from ..core.reading import Activations


@dataclass(frozen=True)
class Perceptual(Objective):
    """The perceptual distance from fixed images, as an objective: `perceptual_distance(classifier, x, reference)`.

    Attributes:
        directions: of the reference images, for each layer `(N, positions, channels)`; see `directions`.
        read: the layers' names.
    """

    directions: tuple[Tensor, ...]
    read: tuple[str, ...]

    @property
    def layers(self) -> frozenset[str]:
        return frozenset(self.read)

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        pairs = [(directions(activations[layer]), own) for layer, own in zip(self.read, self.directions, strict=True)]
        return torch.stack([(found - own).square().sum(2).mean(1) for found, own in pairs]).sum(0)


def directions(values: Tensor) -> Tensor:
    """A layer's activations at each position, scaled to length 1 over the channels: `(N, positions, channels)`.

    Units without positions, `(N, U)`, are one position.

    >>> directions(torch.tensor([[3.0, 4.0]]))
    tensor([[[0.6000, 0.8000]]])
    """
    if values.ndim == 4:
        values = values.flatten(2).mT
    return F.normalize(values[:, None] if values.ndim == 2 else values, dim=2, eps=1e-10)


def perceptual_layers(classifier: Classifier, images: Tensor) -> tuple[str, ...]:
    """The layers that are compared where none are named: the last named one of each resolution, from fine to coarse.

    Of a ResNet these are the end of the stem and the stages.

    Raises:
        InputError: no named layer has channels at positions, as in a vision transformer.
    """
    read = classifier(images[:1].to(classifier.device), classifier.layers).layers
    last = {read[layer].shape[2:]: layer for layer in classifier.layers if read[layer].ndim == 4}
    if not last:
        raise InputError(f"{type(classifier.network).__name__} has no maps of features among its named layers; "
                         f"name layers to compare (there are: {', '.join(classifier.layers)})")  # fmt: skip
    return tuple(last.values())


def perceptual(classifier: Classifier, reference: Images, layers: Sequence[str] | None = None) -> Perceptual:
    """The objective that is the perceptual distance from `reference`, one image or N; see `perceptual_distance`."""
    images = check_images(reference, "reference").to(classifier.device)
    layers = tuple(layers or perceptual_layers(classifier, images))
    with torch.no_grad():
        read = classifier(images, layers)
    return Perceptual(tuple(directions(read[layer]) for layer in layers), layers)


@torch.no_grad()
def perceptual_distance(classifier: Classifier, a: Images, b: Images, layers: Sequence[str] | None = None) -> Tensor:
    """How unlike two images look to a classifier:

        d(a, b) = Σ over layers of the mean over positions of ‖φ(a) / ‖φ(a)‖₂ - φ(b) / ‖φ(b)‖₂‖₂²,

    φ a layer's activations at a position, a vector over channels. This is LPIPS (Zhang et al. 2018) with weights of 1.

    Args:
        classifier: any network; distances under different networks have different scales.
        a, b: tensors `(N, 3, H, W)` in [0, 1], arrays, PIL images or paths, at a size that the network takes.
        layers: names of `classifier.layers`, "representation", or paths of modules; the last named layer of each
            resolution if not given.

    Returns:
        `(N,)`, from 0, which equal images have, to 4 for each layer (2 where no activation is negative).

    Raises:
        InputError: images of different shapes, a layer that does not exist, a network whose layers must be named.

    >>> import pellucid as pl
    >>> a, b = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> d = pl.perceptual_distance(pl.load("cifar10-l2-0.5", "cpu"), a, torch.stack([a[0], b[1]]))
    >>> d.shape, float(d[0]), bool(d[1] > 0.1)
    (torch.Size([2]), 0.0, True)
    """
    check_classifier(classifier)
    a, b = check_images(a, "a").to(classifier.device), check_images(b, "b").to(classifier.device)
    if a.shape != b.shape:
        raise InputError(f"a is {tuple(a.shape)} and b is {tuple(b.shape)}; give images of one shape, in pairs")
    layers = tuple(layers or perceptual_layers(classifier, a))
    read, size = classifier.reader(layers), at_once(a)
    pairs = zip(a.split(size), b.split(size), strict=True)
    return torch.cat([perceptual(classifier, two, layers)(one, read(one)) for one, two in pairs])
