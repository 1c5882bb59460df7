"""Where a synthesis begins: class Gaussian seeds, noise, gray; and images brought to the classifier's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.ball import draw, generators
from ..core.classifier import Classifier
from ..data.image import Enlargement, cover

Start = Literal["gaussian", "noise", "gray"]
Recipe = TypeVar("Recipe")

DEFAULT_SIDE = 32  # of the images that the recipes' defaults are for


def seeds(
    classifier: Classifier,
    labels: Tensor,
    kind: Start = "gaussian",
    seed: int = 0,
    mixture: dict[str, float] | None = None,
    enlargement: Enlargement = "bicubic",
) -> Tensor:
    """A start for each label: `(N,)` to `(N, 3, S, S)` in [0, 1].

    Args:
        classifier: its class Gaussians and size.
        labels: the intended classes.
        kind: "gaussian" draws from the class Gaussian of each label; "noise" is the reference code's
            N(0.5, 0.05²); "gray" is 0.5 everywhere.
        seed: image number i has its own stream of it, whatever else is drawn.
        mixture: draw from these classes' Gaussians with these weights instead.
        enlargement: of a draw whose resolution is lower than the classifier's.
    """
    rng = generators(seed, len(labels))
    if kind == "gaussian":
        if classifier.gaussians is None:
            raise InputError("this classifier has no class Gaussians; start from noise or gray instead")
        if mixture:
            weights = {classifier.label(name): weight for name, weight in mixture.items()}
            return classifier.gaussians.mixture(weights, len(labels), rng, enlargement)
        return classifier.gaussians.sample(labels, rng, enlargement)
    blank = torch.full((len(labels), 3, side(classifier), side(classifier)), 0.5)
    return (blank + draw(torch.randn, blank, rng) / 20).clamp(0, 1) if kind == "noise" else blank


def proportionate(recipe: Recipe, side: int | None) -> Recipe:
    """A recipe whose defaults are for 32 px, for images of another side.

    An L2 radius is a root of a sum over pixels: in proportion to the side, it allows each pixel the same change.

    >>> from pellucid import GenerateRecipe
    >>> proportionate(GenerateRecipe(eps=8.0, step_size=0.5), 64)
    GenerateRecipe(eps=16.0, steps=40, step_size=1.0, start='gaussian', enlargement='bicubic')
    """
    settings: Any = recipe
    factor = (side or DEFAULT_SIDE) / DEFAULT_SIDE
    lengths = {name: getattr(recipe, name) for name in ("eps", "step_size", "radii") if hasattr(recipe, name)}
    scaled = {name: tuple(v * factor for v in x) if isinstance(x, tuple) else x * factor for name, x in lengths.items()}
    return replace(settings, **scaled)


def fit(classifier: Classifier, images: Tensor) -> Tensor:
    """The images at the size that the classifier was trained on, cut square at the center."""
    return cover(images, classifier.size) if classifier.size else images


def label_each(classifier: Classifier, names: Sequence[str | int] | Tensor | str | int, count: int) -> Tensor:
    """The label of each of `count` images, by name or index: one for all, or one each."""
    labels = classifier.labels(names)
    if len(labels) not in (1, count):
        raise InputError(f"{len(labels)} classes for {count} images; give one, or one for each image")
    return labels.expand(count).contiguous()


def side(classifier: Classifier) -> int:
    """The side of the images that the classifier was trained on."""
    if not classifier.size:
        raise InputError("this classifier's card does not say its image size; give a start image")
    return classifier.size
