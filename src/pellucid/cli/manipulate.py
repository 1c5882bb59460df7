"""`pellucid manipulate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from ..base.errors import InputError
from ..core.descent import Descent
from ..gallery.sheet import Row
from ..representation.manipulate import PRESETS, ManipulateRecipe, manipulate
from .flags import INLINE, PictureFlags, RunFlags
from .inputs import pictures
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class Manipulate(RunFlags, PictureFlags):
    """Add a feature to images: raise a unit of the representation until it exceeds every other one.

    pellucid manipulate --images photo.png --units 17 200 --out striped.png
    """

    units: tuple[int, ...] = ()
    """Units of the representation; each is added to every image."""
    preset: str | None = None
    """Published settings: paper, notebook."""
    recipe: Annotated[ManipulateRecipe, INLINE] = ManipulateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Manipulate, argv, "manipulate", PRESETS)
    if not flags.units:
        raise InputError("name the units to add: --units NUMBER ...")
    source = pictures(flags.images, flags.data, flags.count, flags.seed)

    def task(classifier, **options):
        images = source.read(classifier.size)
        units = torch.tensor(flags.units).repeat_interleave(len(images))
        every = images.repeat(len(flags.units), 1, 1, 1)
        return manipulate(classifier, every, units, flags.recipe, **options)

    return carry_out(flags, "manipulate", argv, source.inputs, task, rows)


def rows(made: dict[str, Descent]) -> list[Row]:
    """The images, and below them for each unit the results; captions name the step at which each was done."""
    first = next(iter(made.values()))
    units = first.info["units"]
    each = units.count(units[0])
    found = [Row("image", first.start[:each])]
    for begin in range(0, len(units), each):
        for name, descent in made.items():
            part = slice(begin, begin + each)
            ends = zip(descent.stopped_at[part].tolist(), descent.stopped[part], strict=True)
            reached = [f"step {at}" if why == "stop" else "not done" for at, why in ends]
            found.append(Row(f"{name} unit {units[begin]}", descent.images[part], reached))
    return found
