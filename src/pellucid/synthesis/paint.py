"""Paint with features: units of the representation as brushes (synthesis paper, section 3.5, eq. 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_images, check_index
from ..base.errors import InputError
from ..base.recipes import PerPixel, Recipe, checked
from ..core.ball import L2
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.descent import Descent, Progress
from ..core.objective import Activation
from ..data.image import fit
from .inpaint import check_mask
from .outside import Outside


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush: which unit to paint where, and how strongly.

    Attributes:
        mask: `(1, 1, H, W)`, 1 where to paint.
        unit: of the representation.
        strength: multiplies the recipe's eps and step size for this stroke.
    """

    mask: Tensor
    unit: int
    strength: float = 1.0


@dataclass(frozen=True)
class PaintRecipe(Recipe):
    """Settings of `paint`, for every stroke."""

    eps: float = PerPixel(5 / 32)
    """Radius of the L2 ball around the image before the stroke."""
    steps: int = 60
    """Steps of the descent."""
    step_size: float = PerPixel(0.2 / 32)
    """Length of a step."""
    activation: float = 0.1
    """Weight of the unit. The notebook's 0.1."""
    weight: float = 90.0
    """λ of eq. 5, the weight of changes outside the mask. The notebook's 10 * 9 multiplies a mean of squares."""
    straight_through: bool = True
    """The gradient passes the last ReLU as if it were the identity, so that units which are off can be painted."""


PRESETS = {
    # paint_with_features.ipynb; the paper gives no numbers of its own.
    "notebook-restricted-imagenet": PaintRecipe(70, 140, 1.0),
}


def paint(
    classifier: Classifier,
    images: Tensor,
    strokes: Sequence[Stroke],
    recipe: PaintRecipe | None = None,
    **options,
) -> list[Descent]:
    """Paint features onto images, stroke by stroke:   argmax over x' of a R(x')[unit] - λ mean((x - x')² (1 - mask)).

    Args:
        classifier: preferably a robust one.
        images: `(N, 3, H, W)` in [0, 1], brought to the classifier's size.
        strokes: in order; each starts from what the one before left.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        **options: of `descend`.

    Returns:
        One `Descent` a stroke; the last one's images are the picture.

    Raises:
        InputError: no strokes, a mask of another size, a unit that does not exist, a strength that is not positive.
    """
    check_classifier(classifier)
    recipe = checked(recipe, PaintRecipe).at(classifier.size)
    if not strokes:
        raise InputError("nothing to paint: give at least one stroke")
    current = check_images(fit(classifier, images))
    with torch.no_grad():
        units = classifier(current[:1].to(classifier.device)).representation.shape[1]
    for stroke in strokes:
        check_index("the representation has units", stroke.unit, units)
        if not 0 < stroke.strength < float("inf"):
            raise InputError(f"a stroke's strength must be positive, not {stroke.strength}")
        check_mask(stroke.mask, current)
    callback = options.pop("callback", None)
    descents = []
    for number, stroke in enumerate(strokes):
        mask = check_mask(stroke.mask, current)
        wanted = Activation(stroke.unit, straight_through=recipe.straight_through)
        descent = descend(
            classifier,
            -recipe.activation * wanted + recipe.weight * Outside(mask, current),
            current,
            ball=L2(recipe.eps * stroke.strength),
            steps=recipe.steps,
            step_size=recipe.step_size * stroke.strength,
            callback=_after(number, len(strokes), callback),
            **options,
        )
        descents.append(descent)
        current = descent.images
    return descents


def _after(number: int, strokes: int, callback: Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:
    """The callback as one stroke among several is to call it: steps count on from stroke to stroke."""
    if callback is None:
        return None
    return lambda p: callback(replace(p, step=number * p.steps + p.step, steps=strokes * p.steps))
