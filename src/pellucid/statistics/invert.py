"""Inversion over a test set: how near the images come, in representation and to the eye."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ..base.recipes import checked, plain
from ..base.task import task
from ..core.classifier import Classifier
from ..core.descend import DescendOptions
from ..data.image import fit
from ..representation.invert import InvertRecipe, begin, invert, resemblance
from .comparison import Comparison
from .quality import fidelity, perceived
from .table import Statistics, Values

if TYPE_CHECKING:
    from typing_extensions import Unpack


class InvertStatisticsOptions(DescendOptions, total=False):
    """Options of `invert_statistics`."""

    start: Literal["noise", "gray"]


@task(InvertRecipe, DescendOptions)
def invert_statistics(
    comparison: Comparison,
    recipe: InvertRecipe | None = None,
    *,
    callback: Callable[[float], None] | None = None,
    **options: Unpack[InvertStatisticsOptions],
) -> Statistics:
    """How near inversions come to test images: ‖R(x) - R(target)‖₂ / ‖R(target)‖₂ (representations paper, eq. 4),
    PSNR and SSIM; with a judge also the perceptual distance, and whether it sees the class that it sees in the target.

    The methods: the start, which is the same for all, and every classifier. A classifier's distance is that of its own
    representation, the start's that of the first classifier's.

    Args:
        comparison: the images and the classifiers.
        recipe: of `invert`.
        callback: called with the share of the images that is done.
        **options: fields of the recipe, which override it, and options of `descend`; its
            `precision` is float32 if not given.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.arange(2))
    >>> comparison = pl.Comparison({"robust": pl.load("cifar10-l2-0.5", "cpu")}, split)
    >>> found = invert_statistics(comparison, InvertRecipe(steps=2))
    >>> list(found.values), list(found.values["SSIM"])
    (['distance in representation', 'PSNR, dB', 'SSIM'], ['start', 'robust'])
    """
    recipe = checked(recipe, InvertRecipe).at(comparison.split.size[0])
    judge, rest = comparison.judge, dict[str, Any]({"precision": "float32", **options})

    def compare(photos: Tensor, first: int) -> Values:
        start = begin(recipe.start, photos, comparison.seed, first)
        made, away = {"start": start}, {"start": _distance(comparison.first, start, photos)}
        for name, classifier in comparison.classifiers.items():
            made[name] = invert(classifier, photos, recipe, start=start, **rest).images.to(photos.device)
            away[name] = _distance(classifier, made[name], photos)
        values = {"distance in representation": away, **fidelity(made, photos), **perceived(made, photos, judge)}
        if judge is not None:
            wanted, called = judge.predict(fit(judge, photos)), "the target's class, says the judge"
            values[called] = {name: judge.predict(fit(judge, images)) == wanted for name, images in made.items()}
        return values

    return comparison.measure("invert", compare, {"recipe": plain(recipe), **rest}, callback)


def _distance(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    return torch.tensor(resemblance(classifier, images, targets)["distance"])
