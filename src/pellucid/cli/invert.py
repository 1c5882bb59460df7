"""`pellucid invert`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import holds_something
from ..base.processes import processes, sharing
from ..core.descent import Descent
from ..data.image import side
from ..data.kaleidoscope import kaleidoscope
from ..gallery.save import check_writable
from ..gallery.sheet import Row
from ..representation.invert import PRESETS, InvertRecipe, invert
from ..representation.rebuild import SETTINGS, rebuild
from ..zoo.models import fingerprint
from .flags import INLINE, Precision, RunFlags
from .inputs import find_images, pictures, read_images
from .parse import parse
from .run import carry_out, loaded, progress_bar


@dataclass(frozen=True)
class Invert(RunFlags):
    """Recover images from their representations.

    pellucid invert --targets photo.png --beside cifar10-standard --out inverted.png
    pellucid invert --folder photos --out inverted
    """

    precision: Precision = "float32"
    """Of the network's passes; bfloat16 is faster, and ends some percent further from the target."""
    targets: tuple[Path, ...] = ()
    """Image files, or folders of them, whose representations are inverted."""
    data: str = ""
    """Instead of targets: a folder of class folders, an .npz, or torchvision:NAME, whose test images are taken."""
    count: int = 8
    """How many images of the data."""
    kaleidoscope: int | None = None
    """Instead of targets: this number of random kaleidoscope patterns, which are like no image of any data set."""
    folder: Path | None = None
    """Instead of targets: a folder with images at any depth, of which --out becomes a copy made by inversion. The same
    command goes on after an interruption; --overwrite removes inversions of other images or settings."""
    images: tuple[Path, ...] = ()
    """Image files to begin with, one for all targets or one for each, instead of noise or gray."""
    preset: str | None = None
    """Published settings: paper."""
    recipe: Annotated[InvertRecipe, INLINE] = InvertRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Invert, argv, "invert", PRESETS)
    given = [bool(flags.targets), bool(flags.data), flags.kaleidoscope is not None, flags.folder is not None]
    if sum(given) != 1:
        raise InputError(
            "name one thing to invert: --targets FILE ..., --data DATA, --kaleidoscope N or --folder FOLDER"
        )
    if flags.folder is not None:
        return whole_folder(flags, flags.folder)
    source = None if flags.kaleidoscope is not None else pictures(flags.targets, flags.data, flags.count, flags.seed)
    starts = find_images(flags.images) if flags.images else []
    shown = {}

    def task(classifier, **options):
        if source is None:
            targets = kaleidoscope(flags.kaleidoscope or 0, side(classifier), flags.seed)
        else:
            targets = source.read(classifier.size)
        start = read_images(starts, classifier.size) if starts else None
        descent = invert(classifier, targets, flags.recipe, start=start, **options)
        shown["target"] = targets
        return descent

    def rows(made: dict[str, Descent]) -> list[Row]:
        given = [Row("target", shown["target"]), Row("start", next(iter(made.values())).start)]
        return [*given, *(Row(name, descent.images, _distances(descent)) for name, descent in made.items())]

    return carry_out(flags, "invert", argv, [*(source.inputs if source else ()), *starts], task, rows)


def _distances(descent: Descent) -> list[str]:
    return [f"distance {value:.2f}" for value in descent.info["result"]["distance"]]


def whole_folder(flags: Invert, folder: Path) -> int:
    """Invert every image of a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    if flags.images or flags.beside or flags.save_frames:
        raise InputError("--folder goes with neither --images, --beside nor --save-frames")
    if flags.out.suffix or flags.out.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"--out must be a folder outside of {folder}, not {flags.out}")
    check_writable(flags.out / SETTINGS)
    classifier, team = loaded(flags.model, flags), processes()
    if holds_something(flags.out) and not (flags.out / SETTINGS).is_file():
        raise InputError(f"{flags.out} is not empty; choose another --out")
    precision = pick_precision(flags.precision, classifier.device)
    facts = {"model": flags.model, "model_sha256": fingerprint(classifier), "precision": precision}
    try:
        with sharing(team), progress_bar("invert", flags.quiet or not team.main) as advance:
            made = rebuild(
                classifier, folder, flags.out, flags.recipe, facts=facts, seed=flags.seed, overwrite=flags.overwrite,
                team=team, callback=advance, precision=precision,
            )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt("what is finished is kept, and the same command goes on") from None
    if team.main and not flags.quiet:
        print(f"{flags.out}  ({made} images inverted)")
    return 0
