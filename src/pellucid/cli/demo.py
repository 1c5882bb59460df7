"""`pellucid demo`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..gallery.demo import demo
from ..gallery.scene import Pair
from ..zoo.models import load
from .flags import MachineFlags, ModelFlags, OutputFlags, Precision, SeedFlags
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class Demo(ModelFlags, SeedFlags, MachineFlags, OutputFlags):
    """Every task on the bundled classifiers, as one page of pictures.

    pellucid demo --out pellucid-demo
    """

    precision: Precision = "auto"
    """Of the network's passes; auto takes bfloat16 where it is faster."""
    out: Path = Path("pellucid-demo")
    """A folder for index.html and its pictures."""
    standard: str = "natural20-standard"
    """The standard classifier to compare it with."""
    others: tuple[str, ...] = ("animals59-l2-1.0", "animals59-standard", "cifar10-l2-0.5", "cifar10-standard")
    """Further pairs, each a robust and a standard classifier, of which generated images are shown."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Demo, argv, "demo")
    began = time.monotonic()
    pair = load_pair(flags.model, flags.standard, flags.device)
    if len(flags.others) % 2:
        raise InputError(f"others are pairs, a robust and a standard classifier each, not {len(flags.others)} names")
    others = [load_pair(*names, flags.device) for names in zip(flags.others[::2], flags.others[1::2], strict=True)]
    with progress_bar("demo", flags.quiet) as advance:
        precision = pick_precision(flags.precision, pair.robust.device)
        index = demo(
            pair, flags.out, others=others,
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
