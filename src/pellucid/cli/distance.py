"""`pellucid distance`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..base.processes import processes, sharing
from ..data.image import write_image
from ..gallery.plots import plot_distances
from ..gallery.save import check_figure, check_free
from ..gallery.sheet import Row, sheet
from ..gallery.sidecar import made_by, write_sidecar
from ..representation.distance import PRESETS, DistanceCurve, DistanceRecipe, distance
from ..zoo.models import fingerprint
from .flags import INLINE, Precision, RunFlags
from .inputs import pictures
from .parse import parse
from .run import loaded, models, progress_bar
from .table import print_table


@dataclass(frozen=True)
class DistanceFlags(RunFlags):
    """How near an image can be brought to another's representation, as a function of how far it may move.

    pellucid distance --data photos/ --beside natural20-standard --out curve.png --sheet moved.png
    """

    precision: Precision = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster. What it measures is best in float32."""
    out: Path = Path("distance.png")
    """An image file for the curves; the numbers go to a .json beside it."""
    images: tuple[Path, ...] = ()
    """Sources: image files, or folders of them; one for all targets or one for each."""
    targets: tuple[Path, ...] = ()
    """Targets: as many image files."""
    data: str = ""
    """Instead: a folder of class folders, an .npz, or torchvision:NAME, whose test images make the pairs."""
    count: int = 32
    """How many pairs from the data."""
    sheet: Path | None = None
    """Also write the images of the first pairs at every radius to this image file."""
    preset: str | None = None
    """Published settings: paper."""
    recipe: Annotated[DistanceRecipe, INLINE] = DistanceRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(DistanceFlags, argv, "distance", PRESETS)
    if flags.save_frames is not None:
        raise InputError("distance has no frames to save; --sheet shows the images")
    if bool(flags.images) != bool(flags.targets):
        raise InputError("pairs need --images and --targets, or --data")
    check_figure(flags.out, flags.overwrite)
    if flags.sheet is not None:
        check_free(flags.sheet, flags.overwrite)
    sources = pictures(flags.images, flags.data, 2 * flags.count, flags.seed)
    targets = pictures(flags.targets, flags.data, 2 * flags.count, flags.seed)
    team, curves, prints = processes(), {}, {}
    team.wait()
    names, precision = models(flags), pick_precision(flags.precision, pick_device(flags.device))
    with sharing(team), progress_bar("distance", flags.quiet or not team.main) as advance:
        for number, (name, called) in enumerate(zip(names, short(names), strict=True)):
            classifier = loaded(name, flags)
            first, last = (part.read(classifier.size) for part in (sources, targets))
            if flags.data:  # both drew the same images: the first half of them are sources, the second targets
                first, last = first[: flags.count], last[flags.count :]
            curves[called] = distance(
                classifier, first, last, flags.recipe, seed=flags.seed, precision=precision,
                callback=lambda p, number=number: advance((number + p.step / p.steps) / len(names)),
            )  # fmt: skip
            prints[name] = fingerprint(classifier)
    if not team.main:
        return 0
    plot_distances(curves, flags.out)
    inputs = (*sources.inputs, *targets.inputs)
    facts = made_by("distance", argv, recipe=flags.recipe, seed=flags.seed, inputs=inputs)
    facts |= {"model": flags.model, "model_sha256": prints[flags.model], "precision": precision}
    numbers = write_sidecar(flags.out, {**facts, "curves": {name: curve.to_json() for name, curve in curves.items()}})
    if flags.sheet is not None:
        write_image(flags.sheet, sheet(rows(curves)))
    print_table(("radius ", *(f"{name} " for name in curves)), table(curves))
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {numbers})")
    return 0


def rows(curves: dict[str, DistanceCurve], pairs: int = 4) -> list[Row]:
    """Figure 5: for each of the first pairs the source, what it becomes at each radius, and the target."""
    found = []
    for pair in range(min(pairs, len(next(iter(curves.values())).targets))):
        for name, curve in curves.items():
            images = torch.cat([curve.sources[pair, None], curve.images[:, pair], curve.targets[pair, None]])
            found.append(Row(name, images, ["source", *(f"radius {r:g}" for r in curve.radii.tolist()), "target"]))
    return found


def _cell(mean: float, margin: float) -> str:
    return f"{mean:.3f}" if math.isnan(margin) else f"{mean:.3f} ± {margin:.3f}"


def table(curves: dict[str, DistanceCurve]) -> list[tuple[str, ...]]:
    """A row for each radius: the means, those of several pairs with half their 95% confidence intervals."""
    columns = [map(_cell, curve.mean.tolist(), curve.margin.tolist()) for curve in curves.values()]
    radii = next(iter(curves.values())).radii.tolist()
    return list(zip((f"{radius:g}" for radius in radii), *columns, strict=True))
