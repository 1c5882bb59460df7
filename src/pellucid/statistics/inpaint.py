"""Inpainting over a test set: how near it comes to what was there, beside what needs no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.recipes import checked, plain
from ..base.task import task
from ..core.descend import DescendOptions
from ..synthesis.inpaint import InpaintRecipe, corrupt, inpaint
from ..synthesis.mask import patch_mask
from ..synthesis.membrane import membrane
from .comparison import Comparison
from .quality import fidelity, perceived
from .table import Statistics, Values

if TYPE_CHECKING:
    from typing_extensions import Unpack

Fill = Callable[[Tensor, Tensor], Tensor]
FILLS: dict[str, Fill] = {"mean color": corrupt, "membrane": membrane}


@task(InpaintRecipe, DescendOptions)
def inpaint_statistics(
    comparison: Comparison,
    recipe: InpaintRecipe | None = None,
    *,
    patch: int | None = None,
    fills: Mapping[str, Fill] = FILLS,
    callback: Callable[[float], None] | None = None,
    **options: Unpack[DescendOptions],
) -> Statistics:
    """PSNR and SSIM within square holes of test images (synthesis paper, 3.2); with a judge the perceptual distance.

    Each image has its hole at a random place. The methods: the mean color of what is visible, the membrane that solves
    Laplace's equation in the hole, and every classifier. PSNR and SSIM are those of the holes alone, as small images;
    the perceptual distance is that of the whole images.

    Args:
        comparison: the images and the classifiers.
        recipe: of `inpaint`.
        patch: side of the hole in pixels; 5/16 of the images' if not given, 40 at 128 px.
        fills: other methods by name, from images `(N, 3, H, W)` and masks `(N, 1, H, W)` to images.
        callback: called with the share of the images that is done.
        **options: fields of the recipe, which override it, and options of `descend`; its
            `precision` is float32 if not given.

    Raises:
        InputError: a patch that is larger than the images.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.arange(2))
    >>> comparison = pl.Comparison({"robust": pl.load("cifar10-l2-0.5", "cpu")}, split)
    >>> found = inpaint_statistics(comparison, InpaintRecipe(steps=2, surroundings=0.0))
    >>> list(found.values["PSNR, dB"])
    ['mean color', 'membrane', 'robust']
    """
    side, rest = comparison.split.size[0], dict[str, Any]({"precision": "float32", **options})
    recipe = checked(recipe, InpaintRecipe).at(side)
    patch = side * 5 // 16 if patch is None else patch

    def compare(photos: Tensor, first: int) -> Values:
        mask = patch_mask(len(photos), (side, side), patch, comparison.seed, first)
        made = {name: fill(photos, mask) for name, fill in fills.items()}
        for name, classifier in comparison.classifiers.items():
            descent = inpaint(classifier, photos, mask, recipe=recipe, seed=comparison.seed + first, **rest)
            made[name] = descent.images.to(photos.device)
        holes = {name: cropped(images, mask, patch) for name, images in made.items()}
        return {**fidelity(holes, cropped(photos, mask, patch)), **perceived(made, photos, comparison.judge)}

    settings = {"recipe": plain(recipe), "patch": patch, "fills": list(fills), **rest}
    return comparison.measure("inpaint", compare, settings, callback)


def cropped(images: Tensor, mask: Tensor, side: int) -> Tensor:
    """The square of this side that each mask marks, `(N, C, side, side)`.

    >>> mask = torch.zeros(1, 1, 3, 3)
    >>> mask[..., 1:, :2] = 1
    >>> cropped(torch.arange(9.0).reshape(1, 1, 3, 3), mask, 2).flatten().tolist()
    [3.0, 4.0, 6.0, 7.0]
    """
    tops, lefts = (mask.amax((1, axis)).argmax(1).tolist() for axis in (3, 2))
    squares = zip(images, tops, lefts, strict=True)
    return torch.stack([image[:, top : top + side, left : left + side] for image, top, left in squares])
