"""`pellucid interpolate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from torch import Tensor

from ..base.errors import InputError
from ..core.descent import Descent
from ..gallery.grid import grid, magnified, write_gif
from ..gallery.save import check_file
from ..gallery.sheet import Row
from ..representation.interpolate import PRESETS, InterpolateRecipe, interpolate
from .flags import INLINE, PictureFlags, RunFlags
from .inputs import pictures
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class Interpolate(RunFlags, PictureFlags):
    """Walk from one image to another through their representations, beside the average that each step began as.

    pellucid interpolate --images dog.png wolf.png --out walk.png --gif walk.gif
    """

    images: tuple[Path, ...] = ()
    """Image files: from the first to the second, from the third to the fourth; of data, two for each walk."""
    gif: Path | None = None
    """Also write the walks, there and back, as an animation: a name ending in .gif."""
    preset: str | None = None
    """Published settings: paper, notebook-cifar10."""
    recipe: Annotated[InterpolateRecipe, INLINE] = InterpolateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Interpolate, argv, "interpolate", PRESETS)
    source = pictures(flags.images, flags.data, flags.count, flags.seed)
    if (len(source.files) or source.count) % 2:
        raise InputError(f"a walk needs two images, and {len(source.files) or source.count} make no pairs")
    if flags.gif is not None:
        check_file(flags.gif, flags.overwrite, "the animation", ".gif")
    walks: list[Tensor] = []

    def task(classifier, **options):
        images = source.read(classifier.size)
        descent = interpolate(classifier, images[::2], images[1::2], flags.recipe, **options)
        walks.append(steps(descent.images, flags.recipe.intervals))
        return descent

    def rows(made: dict[str, Descent]) -> list[Row]:
        intervals = flags.recipe.intervals
        start = steps(next(iter(made.values())).start, intervals)
        found = []
        for pair, first in enumerate(start):
            found.append(Row("start", first))
            for name, descent in made.items():
                found.append(Row(name, steps(descent.images, intervals)[pair], _ghosting(descent, pair, intervals)))
        return found

    code = carry_out(flags, "interpolate", argv, source.inputs, task, rows)
    if flags.gif is not None and code == 0:
        sheets = [grid(magnified(images)) for images in walks[0].unbind(1)]
        write_gif(flags.gif, [*sheets, *sheets[-2:0:-1]])
    return code


def steps(images: Tensor, intervals: int) -> Tensor:
    """The images of N walks, one walk after the other, as `(N, T + 1, 3, H, W)`."""
    return images.unflatten(0, (-1, intervals + 1))


def _ghosting(descent: Descent, pair: int, intervals: int) -> list[str]:
    """A caption above the middle of a walk: how much of both its ends shines through."""
    (value,) = descent.info["ghosting"][pair : pair + 1] or [None]  # none of a walk of two images
    middle = (intervals + 1) // 2
    return [] if value is None else [f"ghosting {value:.2f}" if n == middle else "" for n in range(intervals + 1)]
