"""`pellucid inpaint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.descent import Descent
from ..data.image import cover, read_alpha
from ..gallery.sheet import Row
from ..synthesis.inpaint import PRESETS, InpaintRecipe, inpaint
from ..synthesis.mask import patch_mask
from .flags import INLINE, RunFlags
from .inputs import RegionFlags, find_images, read_images
from .parse import parse
from .run import COLUMNS, carry_out


@dataclass(frozen=True)
class Inpaint(RunFlags, RegionFlags):
    """Fill in a region of each image.

    pellucid inpaint --images photo.png --patch 40 --out filled.png
    """

    patch: int | None = None
    """A square of this side at a random place of each image, as in the paper."""
    classes: tuple[str, ...] = ()
    """What the images show: one class, or one for each image; predicted if not given."""
    preset: str | None = None
    """Published settings: paper-restricted-imagenet, notebook-restricted-imagenet."""
    recipe: Annotated[InpaintRecipe, INLINE] = InpaintRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Inpaint, argv, "inpaint", PRESETS)
    files = find_images(flags.images)
    if sum(given is not None for given in (flags.mask, flags.box, flags.patch)) > 1:
        raise InputError("say what is missing in one way: --mask, --box or --patch")

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        mask = _mask(flags, files, images)
        shown.update(images=images, mask=mask.expand(len(images), -1, -1, -1))
        return inpaint(classifier, images, mask, flags.classes or None, flags.recipe, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        """The photos, the holes in them, and what each classifier filled them with, eight photos at a time."""
        found = []
        for begin in range(0, len(files), COLUMNS):
            part = slice(begin, begin + COLUMNS)
            images, mask = shown["images"][part], shown["mask"][part]
            found += [Row("original", images), Row("hole", images * (1 - mask) + mask / 2)]
            found += [Row(name, descent.images[part]) for name, descent in made.items()]
        return found

    shown: dict[str, Tensor] = {}
    return carry_out(flags, "inpaint", argv, [*files, *flags.masks], task, rows if flags.beside else None)


def _mask(flags: Inpaint, files: Sequence[Path], images: Tensor) -> Tensor:
    size = (images.shape[2], images.shape[3])
    if flags.patch is not None:
        return patch_mask(len(images), size, flags.patch, flags.seed)
    if (region := flags.region(files, size)) is not None:
        return region
    alphas = [read_alpha(file) for file in files]
    if any(alpha is None for alpha in alphas):
        raise InputError("say what is missing: --mask FILE, --box X Y W H, --patch SIDE, or images with transparency")
    return torch.cat([(cover(alpha[None], size) < 0.5).float() for alpha in alphas if alpha is not None])
