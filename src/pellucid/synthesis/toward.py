"""The descent that most tasks of synthesis are: toward a class, inside a ball."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..base.recipes import PerPixel
from ..core.ball import Ball
from ..core.classifier import Classifier, Labels
from ..core.descend import descend
from ..core.descent import Descent
from ..core.objective import CrossEntropy
from ..core.optimizer import Smoothed

SMOOTH = (PerPixel(4 / 128), PerPixel(0.8 / 128))  # σ of the blur of the gradient, at the first step and the last
PLAIN = (0.0, 0.0)


def toward(
    classifier: Classifier,
    labels: Labels,
    start: Tensor,
    ball: Ball,
    recipe: Any,
    **options: Any,
) -> Descent:
    """argmin over x' in the ball of cross-entropy(x', label), with the steps, the step size and the blur of a recipe.

    Args:
        classifier: preferably a robust one.
        labels: the class of each image, or one for all.
        start: `(N, 3, H, W)` in [0, 1].
        ball: around the start.
        recipe: of the task; its `straight_through`, if it has one, is the objective's.
        **options: of `descend`.
    """
    label = classifier.labels(labels, len(start))
    objective = CrossEntropy(label, getattr(recipe, "straight_through", False))
    options = {"optimizer": Smoothed(recipe.sigmas), **options}
    return descend(
        classifier, objective, start, ball=ball, steps=recipe.steps, step_size=recipe.step_size, **options
    ).about(label=label)
