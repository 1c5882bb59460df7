"""Sketch to image: a drawing made to look like what it depicts (synthesis paper, section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import fit
from .inside import Inside
from .start import seeds
from .toward import PLAIN, SMOOTH, toward

if TYPE_CHECKING:
    from typing_extensions import Unpack

BLANK = 0.75  # the least value of blank paper in every channel


@dataclass(frozen=True)
class SketchRecipe(Recipe):
    """Settings of `sketch`."""

    eps: float = PerPixel(6 / 32)
    """Radius of the L2 ball around the start, which is the drawing on the paper that it begins with."""
    steps: int = 40
    """Steps of the descent."""
    step_size: float = PerPixel(0.25 / 32)
    """Length of a step."""
    paper: Literal["seed", "keep"] = "seed"
    """What blank paper begins as: a seed of the class, so that it does not turn into sky, or itself, as in the
    notebook. A classifier without class Gaussians keeps the paper."""
    lines: float = 0.5
    """How much the pen's strokes may move, from 0 (they stay) to 1 (as freely as the rest)."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lines <= 1:
            raise InputError(f"lines must be from 0 to 1, not {self.lines}")


PRESETS = {
    # sketch_to_image.ipynb; the paper gives no numbers of its own.
    "notebook-restricted-imagenet": SketchRecipe(40, 60, 1.0, paper="keep", lines=1.0, sigmas=PLAIN),
}


@task(SketchRecipe, DescendOptions)
def sketch(
    classifier: Classifier,
    images: Images,
    labels: Labels,
    recipe: SketchRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Turn drawings into images of a class:   argmin over ‖x' - start‖₂ <= eps of cross-entropy(x', label).

    The start is the drawing, with a seed of the class for blank paper; with `paper="keep"` it is the drawing itself.

    Args:
        classifier: preferably a robust one.
        images: drawings, brought to the classifier's size. Flat colors say more than lines.
        labels: what each drawing is to become.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of what blank paper begins as.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.
    """
    recipe = checked(recipe, SketchRecipe).at(classifier.size)
    start = fit(classifier, images)
    label = classifier.labels(labels, len(start))
    pen = ink(start)
    if recipe.paper == "seed" and classifier.gaussians is not None:
        start = start * pen + seeds(classifier, label, seed=seed).to(start) * (1 - pen)
    ball = Inside(L2(recipe.eps), 1 - (1 - recipe.lines) * pen)
    return toward(classifier, label, start, ball, recipe, seed=seed, callback=callback, **options)


def ink(images: Tensor) -> Tensor:
    """`(N, 1, H, W)`, 0 on blank paper, which is white or light gray, and 1 where the pen or a brush was.

    >>> import torch
    >>> ink(torch.tensor([1.0, 0.85, 0.6, 0.0]).expand(1, 3, 1, 4)).flatten().tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    return ((BLANK - images.amin(1, keepdim=True)) * 10).clamp(0, 1)
