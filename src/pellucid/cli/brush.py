"""`pellucid brush`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..base.errors import InputError
from ..core.descent import Descent
from ..gallery.sheet import Row
from ..synthesis.brush import BrushRecipe, brush
from .flags import INLINE, RunFlags
from .inputs import RegionFlags, find_images, read_images
from .parse import parse
from .run import above, carry_out, intended


@dataclass(frozen=True)
class Brush(RunFlags, RegionFlags):
    """Brush a class onto a region of each image.

    pellucid brush --images photo.png --mask where.png --classes sunflower --out brushed.png
    """

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

    captions = []

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        mask = flags.region(files, (images.shape[2], images.shape[3]))
        assert mask is not None  # one was given
        captions.append(intended(classifier))
        return brush(classifier, images, mask, flags.classes, flags.recipe, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        return above([Row("original", next(iter(made.values())).start)], made, captions[0])

    return carry_out(flags, "brush", argv, [*files, *flags.masks], task, rows)
