"""`pellucid translate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..synthesis.translate import PRESETS, TranslateRecipe, translate
from .common import INLINE, RunFlags, carry_out, find_images, one_label_each, parse, read_images


@dataclass(frozen=True)
class Translate(RunFlags):
    """Turn images into another class.

    pellucid translate --images horse.png --classes deer --out deer.png
    """

    images: tuple[Path, ...] = ()
    """Image files, or folders of them."""
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
        labels = one_label_each(classifier, flags.classes, len(images))
        return translate(classifier, images, labels, flags.recipe, seed=flags.seed, **options)

    return carry_out(flags, "translate", argv, files, task)
