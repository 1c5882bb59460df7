"""`pellucid superres`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F

from ..data.image import cover
from ..descend import positive_int
from ..errors import InputError
from ..synthesis.start import side
from ..synthesis.superres import PRESETS, SuperresRecipe, superres
from .common import RunFlags, carry_out, find_images, one_label_each, parse, read_images


@dataclass(frozen=True)
class Superres(RunFlags):
    """Enlarge small images to the classifier's size.

    pellucid superres --images small.png --out large.png
    """

    images: tuple[Path, ...] = ()
    """Image files, or folders of them; square ones, smaller than the classifier's size."""
    classes: tuple[str, ...] = ()
    """What the images show: one class, or one for each image; predicted if not given."""
    factor: int | None = None
    """Make small images of large ones first, by block means of this side, and compare the result with the large ones."""
    preset: str | None = None
    """Published settings: paper-cifar10, notebook-restricted-imagenet, ..."""
    recipe: SuperresRecipe = SuperresRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Superres, argv, "superres", PRESETS)
    files = find_images(flags.images)

    def task(classifier, **options):
        reference = None
        if flags.factor is None:
            images = read_images(files, None)
        else:
            size = side(classifier)
            if positive_int("factor", flags.factor) < 2 or size % flags.factor:
                raise InputError(f"factor {flags.factor} must be at least 2 and divide the classifier's {size} px")
            reference = cover(read_images(files, size), size)
            images = F.avg_pool2d(reference, flags.factor)
        labels = one_label_each(classifier, flags.classes, len(images))
        return superres(classifier, images, labels, flags.recipe, reference=reference, seed=flags.seed, **options)

    return carry_out(flags, "superres", argv, files, task)
