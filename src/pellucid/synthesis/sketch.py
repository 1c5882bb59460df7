"""Sketch to image: a drawing made to look like what it depicts (synthesis paper, section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..base.checks import check_classifier
from ..base.recipes import PerPixel, Recipe, checked
from ..core.ball import L2
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data.image import fit
from .toward import toward


@dataclass(frozen=True)
class SketchRecipe(Recipe):
    """Settings of `sketch`."""

    eps: float = PerPixel(6 / 32)
    """Radius of the L2 ball around the drawing."""
    steps: int = 40
    """Steps of the descent."""
    step_size: float = PerPixel(0.25 / 32)
    """Length of a step."""


PRESETS = {
    # sketch_to_image.ipynb; the paper gives no numbers of its own.
    "notebook-restricted-imagenet": SketchRecipe(40, 60, 1.0),
}


def sketch(
    classifier: Classifier,
    images: Tensor,
    labels: Sequence[str | int] | Tensor,
    recipe: SketchRecipe | None = None,
    **options,
) -> Descent:
    """Turn drawings into images of a class:   argmin over ‖x' - drawing‖₂ <= eps of cross-entropy(x', label).

    Args:
        classifier: preferably a robust one.
        images: `(N, 3, H, W)` drawings in [0, 1], brought to the classifier's size. Flat colors say more than lines.
        labels: what each drawing is to become.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        **options: of `descend`.
    """
    check_classifier(classifier)
    recipe = checked(recipe, SketchRecipe).at(classifier.size)
    return toward(classifier, labels, fit(classifier, images), L2(recipe.eps), recipe, **options)
