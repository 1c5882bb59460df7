"""`pellucid generate`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError, warn
from ..base.processes import processes
from ..core.descent import Descent
from ..gallery.save import check_file
from ..gallery.sheet import Row
from ..gallery.sidecar import made_by, sidecar_path, write_sidecar
from ..synthesis.generate import PRESETS, GenerateRecipe, generate
from ..synthesis.samples import sample_dataset, unfinished
from ..zoo.gaussians import load_gaussians
from ..zoo.models import fingerprint
from .flags import INLINE, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import carry_out, loaded, progress_bar

MANY = 2000  # images that nobody looks at one by one


@dataclass(frozen=True)
class Generate(RunFlags):
    """Images of given classes.

    pellucid generate --classes zebra samoyed --count 8 --seed 0 --out animals.png
    pellucid generate --count 5000 --out samples.npz

    An .npz is a data set, made a batch at a time. After an interruption, the same command goes on where it was.
    """

    out: Path = Path("pellucid-out")
    """A folder (created), an image file for one grid of all results, or an .npz for a data set."""

    classes: tuple[str, ...] = ()
    """Names (or numbers) of classes; all of them if not given."""
    count: int = 8
    """Images of each class."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Draw the seeds from these classes' Gaussians with these weights: --mixture cat 1 dog 2."""
    gaussians: Path | None = None
    """Class Gaussians from this file, which pellucid gaussians wrote, instead of the model's own."""
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
    if flags.out.suffix.lower() == ".npz":
        return data_set(flags, argv)
    files = find_images(flags.start_images) if flags.start_images else []

    classes: list[str] = []

    def task(classifier, **options):
        for path in given_gaussians(flags):
            classifier.gaussians = load_gaussians(path, classifier)
        names = flags.classes or classifier.class_names or [str(i) for i in range(classifier.classes)]
        classes[:] = names
        labels = classifier.labels([name for name in names for _ in range(flags.count)])
        if len(labels) > MANY:
            instead = (
                f"--out {flags.out.with_suffix('.npz')} makes a data set a batch at a time, and goes on if stopped"
            )
            warn(f"{len(labels)} images are made, held and then written at once; {instead}")
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

    return carry_out(flags, "generate", argv, [*files, *given_gaussians(flags)], task, rows)


def given_gaussians(flags: Generate) -> list[Path]:
    """The file of class Gaussians, if one is named."""
    return [] if flags.gaussians is None else [flags.gaussians]


def data_set(flags: Generate, argv: Sequence[str]) -> int:
    """Write the images as a data set, in one process or several."""
    if flags.beside or flags.save_frames or flags.start_images or flags.starts:
        given = "--beside, --save-frames nor --start-images, nor with --starts"
        raise InputError(f"a data set, --out NAME.npz, goes with neither {given}")
    for path in (flags.out, sidecar_path(flags.out)):
        check_file(path, flags.overwrite or unfinished(flags.out))
    classifier, team = loaded(flags.model, flags), processes()
    precision = pick_precision(flags.precision, classifier.device)
    for path in given_gaussians(flags):
        classifier.gaussians = load_gaussians(path, classifier)
    team.wait()  # until every process has seen that the place is free
    facts = made_by("generate", argv, recipe=flags.recipe, seed=flags.seed, inputs=given_gaussians(flags))
    facts |= {"model": flags.model, "model_sha256": fingerprint(classifier), "precision": precision}
    facts |= {"classes": classifier.class_names}
    began: list[tuple[float, float]] = []

    with progress_bar("generate", flags.quiet or not team.main) as advance:

        def callback(share: float) -> None:
            advance(share)
            began.append((share, time.monotonic()))
            if len(began) == 2 and team.main and not flags.quiet:
                (before, start), (now, end) = began
                print(f"about {duration((end - start) / (now - before) * (1 - before))} in all", file=sys.stderr)

        try:
            sample_dataset(
                classifier, flags.out, flags.count, flags.recipe, classes=flags.classes or None, mixture=flags.mixture,
                seed=flags.seed, precision=precision, team=team, callback=callback,
                finish=lambda: write_sidecar(flags.out, facts),
            )  # fmt: skip
        except KeyboardInterrupt:
            raise KeyboardInterrupt("what is finished is kept, and the same command goes on") from None
    if team.main and not flags.quiet:
        print(f"{flags.out}  ({flags.count} images of each class; how they were made: {sidecar_path(flags.out)})")
    return 0


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(40), duration(180), duration(9000)
    ('40 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
