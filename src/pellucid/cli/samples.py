"""`pellucid samples`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from ..gallery.samples import samples
from .flags import OutputFlags
from .parse import parse


@dataclass(frozen=True)
class Samples(OutputFlags):
    """Photos, drawings and a small data set, so that every example runs as it stands.

    pellucid samples
    """

    out: tyro.conf.Positional[Path] = Path("samples")
    """A folder, which is made."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Samples, argv, "samples")
    folder = samples(flags.out, overwrite=flags.overwrite)
    if not flags.quiet:
        print(f"{folder}  (photos/, lines/, drawings/, small.png, and tiles/, a data set of two classes)")
    return 0
