"""Inversion: an image that a classifier represents like a given one (representations paper, section 4.1, eq. 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..base.checks import check_images
from ..base.errors import InputError, warn
from ..base.image import Images, cover
from ..base.recipes import checked
from ..base.task import task
from ..core.batch import draw, generators
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import fit
from ..data.quality import psnr, ssim
from .match import MatchRecipe, match, represent

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class InvertRecipe(MatchRecipe):
    """Settings of `invert`."""

    start: Literal["noise", "gray"] = "noise"
    """Where to begin unless images are given: the reference code's N(0.5, 0.05²), or 0.5 everywhere."""


PRESETS = {
    # Appendix A.6.2 and image_inversion.ipynb agree.
    "paper": InvertRecipe(1000, 10_000, 1.0, momentum=0, schedule="constant", tolerance=0, straight_through=True),
}


@task(InvertRecipe, DescendOptions, precision="float32")
def invert(
    classifier: Classifier,
    targets: Images,
    recipe: InvertRecipe | None = None,
    *,
    start: Images | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Recover images from their representations:   x = argmin over x' of ‖R(x') - R(target)‖₂ / ‖R(target)‖₂.

    Of a robust classifier the result looks like the target; of a standard one it looks like the start, though it is
    represented as the target is.

    Args:
        classifier: whose representation is inverted.
        targets: tensors, arrays, PIL images or paths, brought to the classifier's size.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        start: images to begin with, one for all targets or one for each; brought to the targets' size.
        seed: of the noise; image number i has its own stream of it.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`. `precision` is float32 if not
            given: bfloat16 ends some percent further from the target.

    Returns:
        The images. `info["result"]` holds, for each, its distance in representation, and PSNR and SSIM to its target.

    Raises:
        InputError: values outside [0, 1], more than one start but not one for each target, a target whose
            representation is zero.

    >>> import pellucid as pl
    >>> photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> inverted = invert(pl.load("cifar10-l2-0.5", "cpu"), photo, InvertRecipe(steps=3))
    >>> bool(inverted.loss[0] < inverted.history[0, 0])
    True
    """
    recipe = checked(recipe, InvertRecipe).at(classifier.size)
    targets = fit(classifier, targets, "targets")
    if start is None:
        start = begin(recipe.start, targets, seed)
    start = alike(start, targets)
    descent = match(classifier, represent(classifier, targets), start, recipe, seed=seed, callback=callback, **options)
    return descent.about(result=resemblance(classifier, descent.images, targets))


def begin(kind: Literal["noise", "gray"], like: Tensor, seed: int, first: int = 0) -> Tensor:
    """Starts of the shape of `like`, the first of which is image number `first` of the run."""
    gray = torch.full_like(like, 0.5)
    if kind == "gray":
        return gray
    return (gray + draw(torch.randn, gray, generators(seed, len(like), first)) / 20).clamp(0, 1)


def alike(start: Images, targets: Tensor) -> Tensor:
    """One start for each target, of its size; a warning tells if they had to be resized."""
    start = check_images(start, "start")
    if len(start) not in (1, len(targets)):
        raise InputError(f"{len(start)} starts for {len(targets)} targets; give one, or one for each")
    if start.shape[2:] != targets.shape[2:]:
        (height, width), (rows, columns) = start.shape[2:], targets.shape[2:]
        warn(f"the start, {width} x {height}, was resized to the target's {columns} x {rows}")
        start = cover(start, (rows, columns))
    return start.expand(len(targets), -1, -1, -1)


def resemblance(classifier: Classifier, images: Tensor, targets: Tensor) -> dict[str, list[float]]:
    """How near the images came: `distance` in representation (relative), `psnr` in decibels and `ssim` in pixels."""
    wanted, targets = represent(classifier, targets), targets.to(images)
    away = torch.linalg.vector_norm(represent(classifier, images) - wanted, dim=1)
    return {
        "distance": [round(v, 4) for v in (away / torch.linalg.vector_norm(wanted, dim=1)).tolist()],
        "psnr": [round(v, 3) for v in psnr(images, targets).tolist()],
        "ssim": [round(v, 4) for v in ssim(images, targets).tolist()],
    }
