"""`pellucid inpaint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from ..base.checks import positive_int
from ..base.errors import InputError
from ..core.descent import Descent
from ..data.image import cover, read_alpha
from ..gallery.sheet import Row
from ..synthesis.inpaint import PRESETS, InpaintRecipe, inpaint
from ..synthesis.mask import patch_mask
from .flags import INLINE, RunFlags
from .inputs import RegionFlags, find_images, read_images
from .parse import parse
from .run import above, carry_out, intended

VARIETY = 0.1  # of several seeds; at 0.2 the noise's colors stay


@dataclass(frozen=True)
class Inpaint(RunFlags, RegionFlags):
    """Fill in a region of each image.

    pellucid inpaint --images photo.png --patch 40 --out filled.png
    """

    patch: int | None = None
    """A square of this side at a random place of each image, as in the paper."""
    classes: tuple[str, ...] = ()
    """What the images show: one class, or one for each image; predicted if not given."""
    seeds: int = 1
    """So many fillings of each image, to choose from; they differ by --variety, which is then 0.1 if not given."""
    preset: str | None = None
    """Published settings: paper-restricted-imagenet, notebook-restricted-imagenet."""
    recipe: Annotated[InpaintRecipe, INLINE] = InpaintRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Inpaint, argv, "inpaint", PRESETS)
    files = find_images(flags.images)
    if sum(given is not None for given in (flags.mask, flags.box, flags.patch)) > 1:
        raise InputError("say what is missing in one way: --mask, --box or --patch")

    count = positive_int("seeds", flags.seeds)
    if count > 1 and not flags.recipe.variety:
        flags = replace(flags, recipe=replace(flags.recipe, variety=VARIETY))
    shown: dict[str, Tensor] = {}
    captions = []

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        mask = _mask(flags, files, images).expand(len(images), -1, -1, -1)
        shown.update(images=images, holes=images * (1 - mask) + mask / 2)
        captions.append(intended(classifier))
        every, masks = (values.repeat_interleave(count, 0) for values in (images, mask))
        labels = flags.classes
        if len(labels) > 1:
            labels = [label for label in labels for _ in range(count)]
        return inpaint(classifier, every, masks, labels or None, flags.recipe, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        """The photos, the holes in them and what they were filled with: of several seeds, in one row for each photo."""
        images, holes = shown["images"], shown["holes"]
        if count == 1:
            return above([Row("original", images), Row("hole", holes)], made, captions[0])
        names = ["original", "hole", *(f"seed {number}" for number in range(1, count + 1))]
        return [
            Row(name if len(made) > 1 else "", torch.cat([images[n, None], holes[n, None], filled]), names)
            for n in range(len(images))
            for name, filled in ((name, d.images[n * count : (n + 1) * count].cpu()) for name, d in made.items())
        ]

    return carry_out(flags, "inpaint", argv, [*files, *flags.masks], task, rows)


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
