"""Super-resolution over a test set: how near it comes to the photos, beside what needs no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from ..base.checks import positive_int
from ..base.errors import InputError
from ..base.recipes import checked, plain
from ..base.task import task
from ..core.descend import DescendOptions
from ..data.image import enlarge
from ..synthesis.superres import SuperresOptions, SuperresRecipe, superres
from .comparison import Comparison
from .quality import fidelity, perceived
from .table import Statistics, Values

if TYPE_CHECKING:
    from typing_extensions import Unpack


@task(SuperresRecipe, DescendOptions)
def superres_statistics(
    comparison: Comparison,
    recipe: SuperresRecipe | None = None,
    *,
    factor: int = 4,
    callback: Callable[[float], None] | None = None,
    **options: Unpack[SuperresOptions],
) -> Statistics:
    """PSNR and SSIM of test images that are made small, by block means, and enlarged again (synthesis paper, 3.4).

    The methods: nearest neighbors; bicubic; where the first classifier's descent starts, which with `consistent` is
    bicubic with the small image's block means; and every classifier. With a judge also the perceptual distance. Labels
    are what the classifier sees in the enlarged image.

    Args:
        comparison: the images and the classifiers.
        recipe: of `superres`.
        factor: the side of a block, which divides the images' side.
        callback: called with the share of the images that is done.
        **options: fields of the recipe, which override it, and options of `descend`; its
            `precision` is float32 if not given.

    Raises:
        InputError: a factor that does not divide the side.

    >>> import torch, pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8), torch.arange(3))
    >>> comparison = pl.Comparison({"robust": pl.load("cifar10-l2-0.5", "cpu")}, split)
    >>> found = superres_statistics(comparison, SuperresRecipe(steps=2, step_size=0.2))
    >>> list(found.values), list(found.values["SSIM"])
    (['PSNR, dB', 'SSIM'], ['nearest', 'bicubic', 'start', 'robust'])
    """
    side, rest = comparison.split.size[0], dict[str, Any]({"precision": "float32", **options})
    recipe = checked(recipe, SuperresRecipe).at(side)
    if positive_int("factor", factor) < 2 or side % factor:
        raise InputError(f"factor {factor} must be at least 2 and divide the images' {side} px")

    def compare(photos: Tensor, first: int) -> Values:
        small = F.avg_pool2d(photos, factor)
        made = {"nearest": enlarge(small, side, "nearest"), "bicubic": enlarge(small, side, "bicubic")}
        for name, classifier in comparison.classifiers.items():
            descent = superres(classifier, small, recipe=recipe, **rest).to(photos.device)
            made.setdefault("start", descent.start)
            made[name] = descent.images
        return {**fidelity(made, photos), **perceived(made, photos, comparison.judge)}

    return comparison.measure("superres", compare, {"recipe": plain(recipe), "factor": factor, **rest}, callback)
