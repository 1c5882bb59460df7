"""`pellucid brush`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.errors import InputError
from ..synthesis.brush import BrushRecipe, brush
from ..synthesis.inpaint import box_mask
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images, read_mask
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class Brush(RunFlags, ImageFlags):
    """Brush a class onto a region of each image.

    pellucid brush --images photo.png --mask where.png --classes cat --out brushed.png
    """

    mask: Path | None = None
    """An image of each image's size, white where the class goes."""
    box: tuple[int, int, int, int] | None = None
    """Left, top, width and height of the region, in pixels of the classifier's size."""
    classes: tuple[str, ...] = ()
    """What to brush: one class, or one for each image."""
    recipe: Annotated[BrushRecipe, INLINE] = BrushRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Brush, argv, "brush", {})
    files = find_images(flags.images)
    if not flags.classes:
        raise InputError("say what to brush: --classes NAME ...")
    if (flags.mask is None) == (flags.box is None):
        raise InputError("say where to brush in one way: --mask or --box")

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        size = (images.shape[2], images.shape[3])
        mask = box_mask(size, flags.box) if flags.box else read_mask(flags.mask or Path(), files, size)
        return brush(classifier, images, mask, flags.classes, flags.recipe, **options)

    return carry_out(flags, "brush", argv, [*files, *([flags.mask] if flags.mask else [])], task)
