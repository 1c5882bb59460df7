"""The class brush: a region of an image moved toward a class, the rest as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.blur import blurred
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import fit
from .inside import Inside
from .mask import check_mask, varied
from .toward import SMOOTH, toward

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class BrushRecipe(Recipe):
    """Settings of `brush`."""

    eps: float = PerPixel(6 / 32)
    """Radius of the L2 ball around the image; all of it is for the region."""
    steps: int = 60
    """Steps of the descent."""
    step_size: float = PerPixel(0.2 / 32)
    """Length of a step."""
    feather: float = PerPixel(3 / 128)
    """Width in pixels of the region's soft edge; 0 for a hard one."""
    variety: float = 0.0
    """Standard deviation of a smooth noise in the region to begin with, so that each seed paints in its own way."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""


@task(BrushRecipe, DescendOptions)
def brush(
    classifier: Classifier,
    images: Images,
    mask: Images,
    labels: Labels,
    recipe: BrushRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Brush a class onto images:   argmin over ‖x' - x‖₂ <= eps, x' = x where mask = 0, of cross-entropy(x', label).

    What `translate` does, in a region: the class is painted over what the image shows there, and not into a hole as
    `inpaint` has it.

    Args:
        classifier: preferably a robust one.
        images: tensors, arrays, PIL images or paths, brought to the classifier's size.
        mask: `(N, 1, H, W)` or `(1, 1, H, W)`, 1 where the class goes; see `box_mask`.
        labels: the class of each image, or one for all.
        recipe: settings; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Raises:
        InputError: a mask of another size than the images, or one that hides nothing or everything.

    >>> import torch
    >>> import pellucid as pl
    >>> photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> made = brush(pl.load("cifar10-l2-0.5", "cpu"), photo, pl.box_mask((32, 32), (4, 4, 8, 8)), ["cat"])
    >>> bool((made.images != photo)[:, :, 16:].any())  # the edge is soft
    False
    """
    recipe = checked(recipe, BrushRecipe).at(classifier.size)
    start = fit(classifier, images)
    soft = blurred(check_mask(mask, start), recipe.feather)
    begun = varied(start, soft, recipe.variety, seed)
    ball = Inside(L2(recipe.eps), soft)
    rest: dict[str, Any] = {"center": start, **options}
    return toward(classifier, labels, begun, ball, recipe, seed=seed, callback=callback, **rest)
