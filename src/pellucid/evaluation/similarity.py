"""How good a perceptual distance is: a task whose answer is known, and how easily the distance is fooled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_images, positive, positive_int
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.pictures import Table
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.batch import generators, norms
from ..core.classifier import Classifier
from ..core.descend import descend
from ..data.distortions import DISTORTIONS
from .intervals import Z95
from .perceptual import perceptual, perceptual_distance, perceptual_layers
from .threat import check_runs

if TYPE_CHECKING:
    from typing_extensions import Unpack

PIXELS = "pixels"


@dataclass(frozen=True)
class SimilarityRecipe(Recipe):
    """Settings of `similarity_study`."""

    layers: tuple[str, ...] = ()
    """Layers that are compared; the last named one of each resolution if none is named."""
    strength: float = 1.0
    """The first strength of every distortion, as a multiple of its usual one; the second is twice that."""
    eps: float = PerPixel(0.5 / 32)
    """L2 radius, in [0, 1] units, of the perturbation that is to raise the distance."""
    steps: int = 40
    """Steps of its search."""
    batch_size: int = 50
    """Images at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("strength", "eps"):
            positive(name, getattr(self, name))
        positive_int("steps", self.steps)
        positive_int("batch_size", self.batch_size)


class SimilaritySettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `similarity_study`."""

    layers: tuple[str, ...]
    strength: float
    eps: float
    steps: int
    batch_size: int


@dataclass(frozen=True, repr=False)
class Similarity(Table):
    """What the study finds of one distance d.

    Attributes:
        order: for each distortion the share of images with d(x, distorted by s) < d(x, distorted by 2 s).
        images: how many images each share is of.
        fooled: d of the worst perturbation found, over d of noise with the same norm: geometric mean over the images.
        low, high: its 95% interval.
        unlike: d of the worst perturbation found, over d to another image: geometric mean over the images.
        unlike_low, unlike_high: its 95% interval.
    """

    order: dict[str, float]
    images: int
    fooled: float
    low: float
    high: float
    unlike: float
    unlike_low: float
    unlike_high: float

    @property
    def mean(self) -> float:
        """The mean share over the distortions."""
        return sum(self.order.values()) / len(self.order)

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        rows = [(f"order under {name}", f"{share:.1%}") for name, share in self.order.items()]
        worst = [("fooled", self.fooled, self.low, self.high)]
        worst += [("unlike", self.unlike, self.unlike_low, self.unlike_high)]
        rows += [(name, f"{value:.3g} ({low:.3g} to {high:.3g})") for name, value, low, high in worst]
        return (f"{self.images} images", "found"), rows

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, rounded to 4 places."""
        order = {name: round(share, 4) for name, share in self.order.items()}
        names = ("mean", "fooled", "low", "high", "unlike", "unlike_low", "unlike_high")
        numbers = {name: round(getattr(self, name), 4) for name in names}
        return {"order": order, "images": self.images, **numbers}


@task(SimilarityRecipe)
def similarity_study(
    classifiers: Mapping[str, Classifier],
    images: Tensor,
    recipe: SimilarityRecipe | None = None,
    *,
    seed: int = 0,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[SimilaritySettings],
) -> dict[str, Similarity]:
    """Measures the perceptual distance of each classifier, and beside them the Euclidean distance of pixels.

    - Order: an image is nearer to itself distorted a little than to itself distorted twice as much. The two
      distortions have random numbers of their own, so a shift goes another way and a square hides another place.
    - Fooled: max over ‖δ‖₂ <= eps of d(x, x + δ), as far as `descend` finds it, over d(x, x + noise) with noise of the
      norm eps. Pixels have 1: no perturbation moves them farther than noise does. And the same over the distance of
      two different images, which says whether such a perturbation could pass for another image.

    Args:
        classifiers: by name, of one input size.
        images: `(N, 3, H, W)` in [0, 1] at that size, at least two.
        recipe: layers, strength, eps; `PerPixel` lengths are multiplied by the images' side.
        seed: of everything random.
        precision: of the search; distances are measured in float32.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Returns:
        For each classifier, and for "pixels", what was found.

    Raises:
        InputError: fewer than two images, or images that a network cannot take.

    >>> import pellucid as pl
    >>> photos = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> pair = {name: pl.load(name, "cpu") for name in ("cifar10-l2-0.5", "cifar10-standard")}
    >>> found = pl.similarity_study(pair, photos, pl.SimilarityRecipe(steps=2))
    >>> list(found), found["pixels"].order["noise"], found["cifar10-standard"].fooled > 1
    (['cifar10-l2-0.5', 'cifar10-standard', 'pixels'], 1.0, True)
    """
    recipe = checked(recipe, SimilarityRecipe)
    images = check_images(images)
    for classifier in classifiers.values():
        check_classifier(classifier)
        check_runs(classifier, images)
    if len(images) < 2:
        raise InputError("an interval needs two images or more")
    recipe = recipe.at(images.shape[3])
    found = {}
    for number, (name, classifier) in enumerate(classifiers.items()):
        layers = recipe.layers or perceptual_layers(classifier, images)

        def apart(one: Tensor, other: Tensor, classifier=classifier, layers=layers) -> Tensor:
            return perceptual_distance(classifier, one, other, layers).cpu()

        order, worst, noise = _order(apart, images, recipe.strength, seed), [], []
        for first in range(0, len(images), recipe.batch_size):
            part = images[first : first + recipe.batch_size]
            moved, plain = deception(classifier, part, layers, recipe, seed, precision, first)
            worst.append(moved)
            noise.append(plain)
            if callback is not None:
                callback((number + (first + len(part)) / len(images)) / len(classifiers))
        found[name] = _similarity(order, torch.cat(worst), torch.cat(noise), apart(images, images.roll(1, 0)))
    still = torch.full((len(images),), recipe.eps)
    pixels = _similarity(
        _order(_pixels, images, recipe.strength, seed), still, still, _pixels(images, images.roll(1, 0))
    )
    return found | {PIXELS: pixels}


def _similarity(order: dict[str, float], worst: Tensor, noise: Tensor, others: Tensor) -> Similarity:
    return Similarity(order, len(worst), *_ratio(worst, noise), *_ratio(worst, others))


def _ratio(first: Tensor, second: Tensor) -> tuple[float, float, float]:
    """The geometric mean of first / second, and its 95% interval."""
    logs = (first / second).log()
    middle, half = float(logs.mean()), Z95 * float(logs.std()) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def _order(apart: Callable[[Tensor, Tensor], Tensor], images: Tensor, strength: float, seed: int) -> dict[str, float]:
    """For each distortion the share of images that are nearer to the weaker one."""
    shares = {}
    for number, (name, (distort, usual)) in enumerate(DISTORTIONS.items()):
        weak, strong = (
            apart(images, distort(images, times * strength * usual, generators(seed * 7919 + 16 * number + times,
                                                                              len(images))))
            for times in (1, 2)
        )  # fmt: skip
        shares[name] = float((weak < strong).float().mean())
    return shares


def _pixels(one: Tensor, other: Tensor) -> Tensor:
    return norms(one - other)


def deception(
    classifier: Classifier,
    images: Tensor,
    layers: tuple[str, ...],
    recipe: SimilarityRecipe,
    seed: int = 0,
    precision: Precision = "float32",
    first: int = 0,
) -> tuple[Tensor, Tensor]:
    """max over ‖δ‖₂ <= eps of d(x, x + δ), and d(x, x + noise), for each image, `(N,)`; noise is the search's start.

    The first of the images is number `first` of all: its noise is its own, in whatever batch it comes.
    """
    ball, images = L2(recipe.eps), images.to(classifier.device)
    noise = ball.random(images, generators(seed * 7919 + 1, len(images), first))
    worst = descend(
        classifier, -perceptual(classifier, images, layers), noise, center=images, ball=ball, steps=recipe.steps,
        keep_best=True, precision=precision,
    ).images  # fmt: skip
    moved, plain = (perceptual_distance(classifier, images, other, layers).cpu() for other in (worst, noise))
    return moved, plain
