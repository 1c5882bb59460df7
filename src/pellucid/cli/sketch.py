"""`pellucid sketch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..base.errors import InputError
from ..core.descent import Descent
from ..gallery.sheet import Row
from ..synthesis.sketch import PRESETS, SketchRecipe, sketch
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import above, carry_out, intended


@dataclass(frozen=True)
class Sketch(RunFlags, ImageFlags):
    """Turn drawings into images of a class.

    pellucid sketch --images drawing.png --classes horse --out horse.png
    """

    classes: tuple[str, ...] = ()
    """What they depict: one class, or one for each drawing."""
    preset: str | None = None
    """Published settings: notebook-restricted-imagenet."""
    recipe: Annotated[SketchRecipe, INLINE] = SketchRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Sketch, argv, "sketch", PRESETS)
    files = find_images(flags.images)
    if not flags.classes:
        raise InputError("say what the drawings depict: --classes NAME ...")

    captions, drawings = [], []

    def task(classifier, **options):
        captions.append(intended(classifier))
        drawings.append(read_images(files, classifier.size))
        return sketch(classifier, drawings[-1], flags.classes, flags.recipe, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        start = next(iter(made.values())).start
        return above([Row("drawing", drawings[0]), Row("start", start)], made, captions[0])

    return carry_out(flags, "sketch", argv, files, task, rows)
