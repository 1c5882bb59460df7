"""`pellucid superres`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch.nn.functional as F

from ..base.checks import positive_int
from ..base.errors import InputError
from ..core.descent import Descent
from ..data.image import cover, enlarge, side
from ..gallery.sheet import Row
from ..synthesis.superres import PRESETS, SuperresRecipe, superres
from .flags import INLINE, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import above, carry_out


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
    """Make small images of large ones first, by block means of this side, and compare the result with those."""
    reference: tuple[Path, ...] = ()
    """The images as they should be, in the same order: PSNR and SSIM go into the sidecar."""
    preset: str | None = None
    """Published settings: paper-cifar10, notebook-restricted-imagenet, ..."""
    recipe: Annotated[SuperresRecipe, INLINE] = SuperresRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Superres, argv, "superres", PRESETS)
    files = find_images(flags.images)
    originals = find_images(flags.reference) if flags.reference else []
    if originals and flags.factor is not None:
        raise InputError("give --reference or --factor, not both; with --factor the images are the reference")
    if originals and len(originals) != len(files):
        raise InputError(f"{len(originals)} reference images for {len(files)} images; give one for each")

    def task(classifier, **options):
        reference = None
        if flags.factor is None:
            images = read_images(files, None)
            reference = read_images(originals, side(classifier)) if originals else None
        else:
            size = side(classifier)
            if positive_int("factor", flags.factor) < 2 or size % flags.factor:
                raise InputError(f"factor {flags.factor} must be at least 2 and divide the classifier's {size} px")
            reference = cover(read_images(files, size), size)
            images = F.avg_pool2d(reference, flags.factor)
        shown.update(small=images, reference=reference)
        return superres(classifier, images, flags.classes or None, flags.recipe, reference=reference, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        """The photos if they are known, their small versions as squares and enlarged, and the results."""
        small, reference, first = shown["small"], shown["reference"], next(iter(made.values()))
        size = first.images.shape[2]
        given = [Row("original", reference)] if reference is not None else []
        given.append(Row(f"{small.shape[2]} px", enlarge(small, size, "nearest")))
        given.append(Row("bicubic", enlarge(small, size), _decibels(first, "bicubic")))
        return above(given, made, lambda descent: _decibels(descent, "result"))

    shown: dict[str, Any] = {}
    return carry_out(flags, "superres", argv, [*files, *originals], task, rows)


def _decibels(descent: Descent, method: str) -> list[str]:
    """Captions with the PSNR of a method's images, where the images as they should be are known."""
    return [f"{value:.1f} dB" for value in descent.info.get(method, {}).get("psnr", [])]
