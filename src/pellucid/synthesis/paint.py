"""Paint with features: units of the representation as brushes (synthesis paper, section 3.5, eq. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..base.blur import blurred
from ..base.checks import check_index
from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions, descend
from ..core.descent import Descent
from ..core.objective import Activation
from ..core.optimizer import Smoothed
from ..data.image import fit
from .in_turn import after
from .inside import Inside
from .mask import check_mask, varied
from .outside import Outside
from .toward import PLAIN, SMOOTH

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush: which unit to paint where, and how strongly.

    Attributes:
        mask: `(1, 1, H, W)`, 1 where to paint.
        unit: of the representation.
        strength: multiplies the recipe's eps and step size for this stroke.
    """

    mask: Images
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
    composite: bool = True
    """Keep everything outside the stroke as it is. The notebook only penalizes its change."""
    feather: float = PerPixel(3 / 128)
    """Width in pixels of a stroke's soft edge; 0 for a hard one."""
    variety: float = 0.0
    """Standard deviation of a smooth noise in the region to begin with, so that each seed paints in its own way."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""


PRESETS = {
    # paint_with_features.ipynb; the paper gives no numbers of its own.
    "notebook-restricted-imagenet": PaintRecipe(70, 140, 1.0, composite=False, feather=0.0, sigmas=PLAIN),
}


@task(PaintRecipe, DescendOptions)
def paint(
    classifier: Classifier,
    images: Images,
    strokes: Sequence[Stroke],
    recipe: PaintRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> list[Descent]:
    """Paint features onto images, stroke by stroke:   argmax over x' of a R(x')[unit] - λ mean((x - x')² (1 - mask)).

    Args:
        classifier: preferably a robust one.
        images: tensors, arrays, PIL images or paths, brought to the classifier's size.
        strokes: in order; each starts from what the one before left.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Returns:
        One `Descent` a stroke; the last one's images are the picture.

    Raises:
        InputError: no strokes, a mask of another size, a unit that does not exist, a strength that is not positive.
    """
    recipe = checked(recipe, PaintRecipe).at(classifier.size)
    if not strokes:
        raise InputError("nothing to paint: give at least one stroke")
    current = fit(classifier, images)
    with torch.no_grad():
        units = classifier(current[:1].to(classifier.device)).representation.shape[1]
    for stroke in strokes:
        check_index("the representation has units", stroke.unit, units)
        if not 0 < stroke.strength < float("inf"):
            raise InputError(f"a stroke's strength must be positive, not {stroke.strength}")
        check_mask(stroke.mask, current)
    descents, rest = [], dict[str, Any](**options)
    for number, stroke in enumerate(strokes):
        mask = blurred(check_mask(stroke.mask, current), recipe.feather)
        ball = L2(recipe.eps * stroke.strength)
        wanted = Activation(stroke.unit, straight_through=recipe.straight_through)
        descent = descend(
            classifier,
            -recipe.activation * wanted + recipe.weight * Outside(mask, current),
            varied(current, mask, recipe.variety, seed),
            center=current,
            ball=Inside(ball, mask) if recipe.composite else ball,
            steps=recipe.steps,
            step_size=recipe.step_size * stroke.strength,
            optimizer=Smoothed(recipe.sigmas),
            seed=seed,
            callback=after(number, len(strokes), callback),
            **rest,
        )
        descents.append(descent)
        current = descent.images
    return descents
