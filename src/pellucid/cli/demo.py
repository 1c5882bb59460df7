"""`pellucid demo`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..devices import pick_precision
from ..gallery.demo import demo
from ..zoo.models import load
from .common import parse, progress_bar


@dataclass(frozen=True)
class Demo:
    """Every task on the bundled classifiers, as one page of pictures.

    pellucid demo --out pellucid-demo
    """

    out: Path = Path("pellucid-demo")
    """A folder for index.html and its pictures."""
    model: str = "cifar10-l2-0.5"
    """The robust classifier; it needs class Gaussians."""
    standard: str = "cifar10-standard"
    """The standard classifier to compare it with."""
    seed: int = 0
    """Every random choice follows from it."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster."""
    overwrite: bool = False
    """Replace the folder."""
    quiet: bool = False
    """No progress bar."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Demo, argv, "demo")
    began = time.monotonic()
    robust, standard = load(flags.model, flags.device), load(flags.standard, flags.device)
    robust.card["name"], standard.card["name"] = flags.model, flags.standard
    with progress_bar("demo", flags.quiet) as advance:
        precision = pick_precision(flags.precision, robust.device)
        index = demo(
            robust, standard, flags.out,
            seed=flags.seed, precision=precision, overwrite=flags.overwrite, callback=advance,
        )  # fmt: skip
    if not flags.quiet:
        print(f"{index}  ({time.monotonic() - began:.0f} s; open it in a browser)")
    return 0
