"""`pellucid paint`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.errors import InputError
from ..synthesis.inpaint import box_mask
from ..synthesis.paint import PRESETS, PaintRecipe, Stroke, paint
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images, read_mask
from .parse import parse
from .run import carry_out

STROKE = re.compile(r"(?P<where>.+?):(?P<unit>\d+)(?::(?P<strength>[0-9.]+))?")


@dataclass(frozen=True)
class Paint(RunFlags, ImageFlags):
    """Paint units of the representation onto images.

    pellucid paint --images photo.png --strokes 0,20,32,12:17 sky.png:3:1.5 --out painted.png
    """

    strokes: tuple[str, ...] = ()
    """WHERE:UNIT or WHERE:UNIT:STRENGTH; WHERE is a mask image, white where to paint, or LEFT,TOP,WIDTH,HEIGHT."""
    preset: str | None = None
    """Published settings: notebook-restricted-imagenet."""
    recipe: Annotated[PaintRecipe, INLINE] = PaintRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Paint, argv, "paint", PRESETS)
    files = find_images(flags.images)
    parsed = [_parts(text) for text in flags.strokes]
    masks = [Path(where) for where, _, _ in parsed if not _box(where)]

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        size = (images.shape[2], images.shape[3])
        strokes = [Stroke(_mask(where, size, files), unit, strength) for where, unit, strength in parsed]
        return paint(classifier, images, strokes, flags.recipe, **options)

    return carry_out(flags, "paint", argv, [*files, *masks], task)


def _parts(text: str) -> tuple[str, int, float]:
    match = STROKE.fullmatch(text)
    if match is None:
        raise InputError(f"a stroke is WHERE:UNIT or WHERE:UNIT:STRENGTH, not {text!r}")
    try:
        return match["where"], int(match["unit"]), float(match["strength"] or 1)
    except ValueError:
        raise InputError(f"{match['strength']!r} in the stroke {text!r} is not a number") from None


def _box(where: str) -> tuple[int, int, int, int] | None:
    """The box that a stroke names, or None where it names a file."""
    numbers = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", where)
    if numbers is None and re.fullmatch(r"[-+\d.,\s]+", where) and "," in where:
        raise InputError(f"a box is four whole numbers, LEFT,TOP,WIDTH,HEIGHT, not {where}")
    return None if numbers is None else (int(numbers[1]), int(numbers[2]), int(numbers[3]), int(numbers[4]))


def _mask(where: str, size: tuple[int, int], files: Sequence[Path]):
    box = _box(where)
    if box is not None:
        return box_mask(size, box)
    return read_mask(Path(where), files, size)
