"""Matching a representation: the descent that inversion and interpolation share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..base.checks import check_images, number, positive
from ..base.devices import default_modes
from ..base.errors import InputError
from ..base.recipes import PerPixel, Recipe
from ..core.ball import L2, Ball, Unbounded
from ..core.batch import norms
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.descent import Descent
from ..core.objective import Distance
from ..core.optimizer import Smoothed, constant, cosine
from .momentum import Momentum
from .stop import Near

SCHEDULES = {"constant": constant, "cosine": cosine}
BATCH_VALUES = 2**20  # pixel values in one batch of a pass without gradients


@dataclass(frozen=True)
class MatchRecipe(Recipe):
    """Settings of a descent to a representation."""

    eps: float = math.inf
    """Radius of the L2 ball around the start; inf for none. The papers' 1000 holds every image."""
    steps: int = 400
    """Steps of the descent, at most."""
    step_size: float = PerPixel(0.4 / 32)
    """Length of the first step."""
    momentum: float = 0.9
    """How much of its direction a step keeps from the ones before; 0 for the papers' plain gradient descent."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the steps' length falls: with a half cosine to 0, or not at all, as in the papers."""
    tolerance: float = 0.01
    """An image is done at this distance, relative to the norm of what it is to match."""
    straight_through: bool = False
    """The gradient passes the last ReLU as if it were the identity (the notebooks' fake_relu). It is another gradient
    than that of the distance, and the descent stalls two to three times as far from the target."""

    sigmas: tuple[float, float] = (0.0, 0.0)
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("eps", self.eps)
        number("tolerance", self.tolerance, 0)


def match(
    classifier: Classifier, representation: Tensor, start: Tensor, recipe: MatchRecipe, **options: Any
) -> Descent:
    """x = argmin over ‖x' - x₀‖₂ <= eps of ‖R(x') - r‖₂ / ‖r‖₂,   eq. 4 of the representations paper.

    Args:
        classifier: whose representation R is.
        representation: `(N, U)`, r, what the images are to be represented by.
        start: `(N, 3, H, W)`, x₀.
        recipe: settings.
        **options: of `descend`.

    Raises:
        InputError: a representation that is zero, to which no distance can be relative.
    """
    check_norms(representation)
    distance = Distance(representation, straight_through=recipe.straight_through)
    ball: Ball = L2(recipe.eps) if math.isfinite(recipe.eps) else Unbounded()
    return descend(
        classifier,
        distance,
        start,
        ball=ball,
        steps=recipe.steps,
        step_size=recipe.step_size,
        optimizer=Smoothed(recipe.sigmas, Momentum(recipe.momentum)),
        schedule=SCHEDULES[recipe.schedule],
        stop=Near(distance, recipe.tolerance),
        **options,
    )


def check_norms(representation: Tensor) -> None:
    """Raise `InputError` if a representation is zero: no distance to it is relative to its norm."""
    if (zero := (norms(representation) == 0).nonzero()).numel():
        raise InputError(f"the representation to match is zero for image {int(zero[0])}: all of its units are off")


@default_modes()
def represent(classifier: Classifier, images: Tensor) -> Tensor:
    """R(x) of `(N, 3, H, W)` images in [0, 1], `(N, U)` on the classifier's device, in batches, without gradients."""
    images = check_images(images)
    batch = max(1, BATCH_VALUES // images[0].numel())
    read = classifier.reader()
    with torch.no_grad():
        return torch.cat([read(part.to(classifier.device)).representation for part in images.split(batch)])
