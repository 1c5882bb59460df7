"""`pellucid translate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from ..core.descent import Descent
from ..gallery.sheet import Row
from ..synthesis.translate import PRESETS, TranslateRecipe, translate
from .flags import INLINE, ImageFlags, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import above, carry_out, intended


@dataclass(frozen=True)
class Translate(RunFlags, ImageFlags):
    """Turn images into another class.

    pellucid translate --images horse.png --classes zebra --out zebra.png
    pellucid translate --images photo.png --classes zebra lion sea --out one-to-many.png
    """

    classes: tuple[str, ...] = ()
    """What to turn them into: one class, one for each image, or several for one image; of two classes the other one,
    if not given."""
    preset: str | None = None
    """Published settings: paper-two-classes, paper-imagenet, paper-figure2-restricted-imagenet, ..."""
    recipe: Annotated[TranslateRecipe, INLINE] = TranslateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Translate, argv, "translate", PRESETS)
    files = find_images(flags.images)

    captions = []

    def task(classifier, **options):
        captions.append(intended(classifier))
        images = read_images(files, classifier.size)
        if len(images) == 1:
            images = images.expand(max(1, len(flags.classes)), -1, -1, -1)
        return translate(classifier, images, flags.classes or None, flags.recipe, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        """One image and what it became in a row (synthesis paper, Figure 2), or many above what they became."""
        start = next(iter(made.values())).start
        if len(files) > 1:
            return above([Row("original", start)], made, captions[0])
        return [
            Row(name if len(made) > 1 else "", torch.cat([start[:1], d.images]), ["original", *captions[0](d)])
            for name, d in made.items()
        ]

    return carry_out(flags, "translate", argv, files, task, rows)
