"""`pellucid report`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.checks import positive_int
from ..data.identity import data_digest
from ..gallery.sidecar import file_sha256
from ..report.folder import Folder
from ..report.given import Given
from ..report.report import chosen, report
from ..report.scene import Scale
from ..zoo.models import fingerprint
from .flags import MachineFlags, ModelFlags, QuietFlags, SeedFlags
from .inputs import find_images
from .parse import parse
from .run import progress_bar
from .table import print_table


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
    scale: Scale = "small"
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
        needs = [(entry.reason and f"not made: {entry.reason}") or ", ".join(entry.needs) for entry in entries]
        rows = [(entry.id, entry.shows, need) for entry, need in zip(entries, needs, strict=True)]
        print_table(("entry", "shows", "needs"), rows)
        return 0
    positive_int("jobs", flags.jobs)
    given = Given(
        flags.model, flags.beside, flags.data, flags.judge, tuple(map(str, find_images(flags.styles)))
        if flags.styles else (), flags.targets, flags.scale, flags.seed, flags.device, flags.precision,
    )  # fmt: skip
    began = time.monotonic()
    scene = given()
    about: dict[str, Any] = {
        "classifiers": {name: fingerprint(classifier) for name, classifier in scene.classifiers.items()},
        "data": "" if scene.data is None else data_digest(scene.data),
        "judge": "" if scene.judge is None else fingerprint(scene.judge),
        "styles": {Path(path).stem: file_sha256(Path(path)) for path in given.styles}, "precision": scene.precision,
        "targets": flags.targets, "scale": flags.scale, "seed": flags.seed,
    }  # fmt: skip
    with progress_bar("report", flags.quiet) as advance:
        left = report(given, Folder(flags.out, about, given), entries, jobs=flags.jobs, callback=advance)
    for line in left:
        print(f"left out: {line}", file=sys.stderr)
    if not flags.quiet:
        print(f"{flags.out / 'index.html'}  ({time.monotonic() - began:.0f} s; open it in a browser)")
    return 0
