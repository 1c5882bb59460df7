"""`pellucid distance`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import write_json
from ..base.processes import processes, sharing
from ..base.recipes import plain
from ..data.image import write_image
from ..gallery.save import check_free, sidecar_path
from ..gallery.sheet import Row, sheet
from ..representation.distance import PRESETS, DistanceCurve, DistanceRecipe, distance, plot
from ..zoo.models import fingerprint, load
from .common import INLINE, BesideFlags, file_sha256, models, parse, progress_bar, short
from .pictures import pictures


@dataclass(frozen=True)
class DistanceFlags(BesideFlags):
    """How near an image can be brought to another's representation, as a function of how far it may move.

    pellucid distance --data torchvision:CIFAR10 --beside cifar10-standard --out curve.png --sheet moved.png
    """

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
    if flags.out.suffix.lower() != ".png":
        raise InputError(f"the curves are a .png, not {flags.out}")
    if flags.save_frames is not None:
        raise InputError("distance has no frames to save; --sheet shows the images")
    if bool(flags.images) != bool(flags.targets):
        raise InputError("pairs need --images and --targets, or --data")
    check_free(flags.out, flags.overwrite)
    if flags.sheet is not None:
        check_free(flags.sheet, flags.overwrite)
    sources = pictures(flags.images, flags.data, 2 * flags.count, flags.seed)
    targets = pictures(flags.targets, flags.data, 2 * flags.count, flags.seed)
    together, curves, prints = processes(), {}, {}
    together.wait()
    names = models(flags)
    with sharing(together), progress_bar("distance", flags.quiet or not together.main) as advance:
        for number, (name, called) in enumerate(zip(names, short(names), strict=True)):
            classifier = load(name, flags.device)
            first, last = (part.read(classifier.size) for part in (sources, targets))
            if flags.data:  # both drew the same images: the first half of them are sources, the second targets
                first, last = first[: flags.count], last[flags.count :]
            curves[called] = distance(
                classifier, first, last, flags.recipe, seed=flags.seed,
                precision=pick_precision(flags.precision, classifier.device),
                callback=lambda p, number=number: advance((number + p.step / p.steps) / len(names)),
            )  # fmt: skip
            prints[name] = fingerprint(classifier)
    if not together.main:
        return 0
    plot(curves, flags.out)
    facts = {
        "task": "distance",
        "command": ["distance", *argv],
        "recipe": plain(flags.recipe),
        "seed": flags.seed,
        "model": flags.model,
        "model_sha256": prints[flags.model],
        "inputs": [
            {"path": str(p), "sha256": file_sha256(p)} for p in dict.fromkeys((*sources.inputs, *targets.inputs))
        ],
        "curves": {name: curve.to_json() for name, curve in curves.items()},
    }
    write_json(sidecar_path(flags.out), facts)
    if flags.sheet is not None:
        write_image(flags.sheet, sheet(rows(curves)))
    print(table(curves))
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {sidecar_path(flags.out)})")
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


def table(curves: dict[str, DistanceCurve]) -> str:
    """The means, of several pairs with half their 95% confidence intervals, a line for each radius."""
    width = max(16, *map(len, curves))
    lines = ["  ".join([f"{'radius':>8}", *(f"{name:>{width}}" for name in curves)])]
    radii = next(iter(curves.values())).radii.tolist()
    for row, radius in enumerate(radii):
        cells = [_cell(float(curve.mean[row]), float(curve.margin[row])) for curve in curves.values()]
        lines.append("  ".join([f"{radius:>8g}", *(f"{cell:>{width}}" for cell in cells)]))
    return "\n".join(lines)
