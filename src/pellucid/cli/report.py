"""`pellucid report`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..base.checks import positive_int
from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..data.identity import data_digest
from ..data.image import read_image
from ..data.load import load_data
from ..evaluation.classes import in_order_of
from ..gallery.sidecar import file_sha256
from ..report.folder import Folder
from ..report.report import chosen, report
from ..report.scene import Scene
from ..zoo.models import fingerprint, load
from .flags import MachineFlags, ModelFlags, QuietFlags, SeedFlags
from .inputs import find_images
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class Report(ModelFlags, SeedFlags, MachineFlags, QuietFlags):
    """Every figure and table of the papers on any classifier, published beside measured, as one page.

    pellucid report --beside natural20-standard --data photos/ --out report

    Each entry has files of its own in the folder; started again, the command makes what is missing.
    """

    beside: tuple[str, ...] = ()
    """Further classifiers of the same classes; the first, a standard one, is what the papers compare with."""
    data: str = ""
    """Labeled images: a folder of class folders, an .npz, or torchvision:NAME."""
    judge: str = ""
    """An independent classifier, which judges what the others made; it should know some of their classes."""
    styles: tuple[Path, ...] = ()
    """Pictures, or folders of them, whose style is taken."""
    targets: tuple[str, ...] = ()
    """Data sets to transfer to, as in pellucid transfer."""
    scale: Literal["tiny", "small", "paper"] = "small"
    """How many images and steps: tiny for a first look, small for numbers with intervals, paper as published."""
    only: tuple[str, ...] = ()
    """Ids of entries, or papers: synthesis-figure-3, style, ..."""
    list: bool = False
    """Say which entries there are, and what each needs."""
    jobs: int = 1
    """Entries at once, each in a process of its own."""
    out: Path = Path("pellucid-report")
    """A folder for index.html, report.json, and a PNG, CSV and JSON of each entry."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Report, argv, "report")
    entries = chosen(flags.only)
    if flags.list:
        for entry in entries:
            needs = (entry.reason and f"not made: {entry.reason}") or ", ".join(entry.needs)
            print(f"{entry.id:26}{entry.shows}{f'  ({needs})' if needs else ''}")
        return 0
    positive_int("jobs", flags.jobs)
    opener = Opener(
        flags.model, flags.beside, flags.data, flags.judge, tuple(map(str, find_images(flags.styles)))
        if flags.styles else (), flags.targets, flags.scale, flags.seed, flags.device, flags.precision,
    )  # fmt: skip
    began = time.monotonic()
    scene = opener()
    about: dict[str, Any] = {
        "classifiers": {name: fingerprint(classifier) for name, classifier in scene.classifiers.items()},
        "data": "" if scene.data is None else data_digest(scene.data),
        "judge": "" if scene.judge is None else fingerprint(scene.judge),
        "styles": {Path(path).stem: file_sha256(Path(path)) for path in opener.styles}, "precision": scene.precision,
        "targets": flags.targets, "scale": flags.scale, "seed": flags.seed,
    }  # fmt: skip
    with progress_bar("report", flags.quiet) as advance:
        left = report(opener, Folder(flags.out, about), entries, jobs=flags.jobs, callback=advance)
    for line in left:
        print(f"left out: {line}", file=sys.stderr)
    if not flags.quiet:
        print(f"{flags.out / 'index.html'}  ({time.monotonic() - began:.0f} s; open it in a browser)")
    return 0


@dataclass(frozen=True)
class Opener:
    """Loads the scene that flags describe, once in each process."""

    model: str
    beside: tuple[str, ...]
    data: str
    judge: str
    styles: tuple[str, ...]
    targets: tuple[str, ...]
    scale: Literal["tiny", "small", "paper"]
    seed: int
    device: str
    precision: Literal["float32", "bfloat16", "auto"]

    def __call__(self) -> Scene:
        return opened(self)


@cache
def opened(given: Opener) -> Scene:
    """The scene; raises `InputError` for classifiers of different classes, or a judge that is one of them."""
    models = [given.model, *given.beside]
    if len(set(models)) < len(models):
        raise InputError("name each classifier once")
    if given.judge in models:
        raise InputError(f"{given.judge} cannot judge what it made; name another --judge")
    classifiers = {name: load(model, given.device) for name, model in zip(short(models), models, strict=True)}
    first = classifiers[short(models)[0]]
    judge = load(given.judge, given.device) if given.judge else None
    for name, other in classifiers.items():
        if other.class_names != first.class_names or other.classes != first.classes:
            raise InputError(f"{name} has other classes than {given.model}; give classifiers of the same")
    data = in_order_of(first, load_data(given.data, first.size)) if given.data else None
    precision = pick_precision(given.precision, pick_device(given.device))
    styles = {Path(path).stem: read_image(Path(path))[None] for path in given.styles}
    if len(styles) < len(given.styles):
        raise InputError("two pictures of --styles have the same name; give each its own")
    return Scene(classifiers, data, judge, styles, given.targets, given.scale, given.seed, precision)
