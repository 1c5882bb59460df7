"""`pellucid generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..base.checks import positive_int
from ..base.errors import InputError
from ..core.descent import Descent
from ..gallery.sheet import Row
from ..synthesis.generate import PRESETS, GenerateRecipe, generate
from .flags import INLINE, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class Generate(RunFlags):
    """Images of given classes.

    pellucid generate --classes zebra samoyed --count 8 --seed 0 --out animals.png
    """

    classes: tuple[str, ...] = ()
    """Names (or numbers) of classes; all of them if not given."""
    count: int = 8
    """Images of each class."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Draw the seeds from these classes' Gaussians with these weights: --mixture cat 1 dog 2."""
    start_images: tuple[Path, ...] = ()
    """Start from these images instead of seeds; one for all, or one for each result."""
    starts: bool = False
    """The sheet also shows what the images began as."""
    preset: str | None = None
    """Published settings: paper-cifar10, notebook-restricted-imagenet, ...; other flags change them."""
    recipe: Annotated[GenerateRecipe, INLINE] = GenerateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Generate, argv, "generate", PRESETS)
    positive_int("count", flags.count)
    files = find_images(flags.start_images) if flags.start_images else []

    classes: list[str] = []

    def task(classifier, **options):
        names = flags.classes or classifier.class_names or [str(i) for i in range(classifier.classes)]
        classes[:] = names
        labels = classifier.labels([name for name in names for _ in range(flags.count)])
        start = None
        if files:
            if len(files) not in (1, len(labels)):
                raise InputError(f"{len(files)} start images for {len(labels)} results; give one, or one for each")
            start = read_images(files, classifier.size).expand(len(labels), -1, -1, -1)
        return generate(classifier, labels, flags.recipe, start=start, mixture=flags.mixture, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        shown = {"start": next(iter(made.values())).start} if flags.starts else {}
        shown |= {name if len(made) > 1 else "": descent.images for name, descent in made.items()}
        return [
            Row(", ".join(filter(None, (called, name))), images[begin : begin + flags.count])
            for begin, called in zip(range(0, len(classes) * flags.count, flags.count), classes, strict=True)
            for name, images in shown.items()
        ]

    return carry_out(flags, "generate", argv, files, task, rows)
