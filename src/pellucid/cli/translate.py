"""`pellucid translate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..synthesis.translate import PRESETS, TranslateRecipe, translate
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class Translate(RunFlags, ImageFlags):
    """Turn images into another class.

    pellucid translate --images horse.png --classes zebra --out zebra.png
    """

    classes: tuple[str, ...] = ()
    """What to turn them into: one class, or one for each image; of two classes the other one, if not given."""
    preset: str | None = None
    """Published settings: paper-two-classes, paper-imagenet, paper-figure2-restricted-imagenet, ..."""
    recipe: Annotated[TranslateRecipe, INLINE] = TranslateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Translate, argv, "translate", PRESETS)
    files = find_images(flags.images)

    def task(classifier, **options):
        images = read_images(files, classifier.size)
        return translate(classifier, images, flags.classes or None, flags.recipe, **options)

    return carry_out(flags, "translate", argv, files, task)
