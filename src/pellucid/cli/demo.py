"""`pellucid demo`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.devices import pick_precision
from ..gallery.demo import demo
from ..gallery.scene import Pair
from ..zoo.models import load
from .flags import MachineFlags, ModelFlags, OutputFlags, SeedFlags
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class Demo(ModelFlags, SeedFlags, MachineFlags, OutputFlags):
    """Every task on the bundled classifiers, as one page of pictures.

    pellucid demo --out pellucid-demo
    """

    out: Path = Path("pellucid-demo")
    """A folder for index.html and its pictures."""
    standard: str = "cifar10-standard"
    """The standard classifier to compare it with."""
    larger_model: str = "animals59-l2-1.0"
    """The robust classifier for the parts of the page that need larger images; "" for none."""
    larger_standard: str = "animals59-standard"
    """The standard classifier to compare that one with."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Demo, argv, "demo")
    began = time.monotonic()
    pair = load_pair(flags.model, flags.standard, flags.device)
    larger = load_pair(flags.larger_model, flags.larger_standard, flags.device) if flags.larger_model else None
    with progress_bar("demo", flags.quiet) as advance:
        precision = pick_precision(flags.precision, pair.robust.device)
        index = demo(
            pair, flags.out, larger=larger,
            seed=flags.seed, precision=precision, overwrite=flags.overwrite, callback=advance,
        )  # fmt: skip
    if not flags.quiet:
        print(f"{index}  ({time.monotonic() - began:.0f} s; open it in a browser)")
    return 0


def load_pair(robust: str, standard: str, device: str) -> Pair:
    """Two classifiers by name, which go into the page with their names."""
    pair = Pair(load(robust, device), load(standard, device))
    pair.robust.card["name"], pair.standard.card["name"] = Path(robust).name, Path(standard).name
    return pair
