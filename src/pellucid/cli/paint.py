"""`pellucid paint`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.errors import InputError
from ..synthesis.mask import box_mask
from ..synthesis.paint import PRESETS, PaintRecipe, Stroke, paint
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images, read_mask
from .parse import parse
from .run import carry_out

STROKE = re.compile(r"(?:(?P<box>\d+,\d+,\d+,\d+)|(?P<file>.+?)):(?P<unit>\d+)(?::(?P<strength>\d*\.?\d+))?")


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

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        size = (images.shape[2], images.shape[3])
        strokes = [_stroke(parts, files, size) for parts in parsed]
        return paint(classifier, images, strokes, flags.recipe, **options)

    return carry_out(flags, "paint", argv, [*files, *(Path(p["file"]) for p in parsed if p["file"])], task)


def _parts(text: str) -> re.Match[str]:
    if (match := STROKE.fullmatch(text)) is None:
        raise InputError(f"a stroke is WHERE:UNIT or WHERE:UNIT:STRENGTH, not {text!r}")
    return match


def _stroke(parts: re.Match[str], files: Sequence[Path], size: tuple[int, int]) -> Stroke:
    if parts["box"]:
        left, top, width, height = map(int, parts["box"].split(","))
        where = box_mask(size, (left, top, width, height))
    else:
        where = read_mask(Path(parts["file"]), files, size)
    return Stroke(where, int(parts["unit"]), float(parts["strength"] or 1))
