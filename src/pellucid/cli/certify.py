"""`pellucid certify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..data.parts import Parts
from ..evaluation.certify import Certified, CertifyRecipe, certify
from ..evaluation.intervals import wilson
from ..evaluation.threat import radius_names
from ..gallery.plots import plot_certified
from ..gallery.save import check_figure
from ..gallery.sidecar import made_by, write_sidecar
from ..zoo.models import fingerprint, load
from .flags import INLINE, DataFlags, DeviceFlags, ModelFlags, OutputFlags, SeedFlags
from .inputs import measured, noted
from .parse import parse
from .run import progress_bar
from .table import print_table


@dataclass(frozen=True)
class Certify(ModelFlags, DataFlags, SeedFlags, DeviceFlags, OutputFlags):
    """Certified accuracy of a classifier that is smoothed by Gaussian noise, on a data set's test images.

    pellucid certify --model runs/noise/noise --data torchvision:CIFAR10 --sigma 0.25 --samples 100 1000 --count 500

    Images that are finished are kept in NAME-parts, and the same command goes on from there.
    """

    out: Path = Path("certified.png")
    """An image file for the curve; the numbers go to a .json beside it."""
    recipe: Annotated[CertifyRecipe, INLINE] = CertifyRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Certify, argv, "certify")
    check_figure(flags.out, flags.overwrite)
    classifier = load(flags.model, flags.device)
    source, split, _ = measured(flags, classifier)
    parts = flags.out.with_name(f"{flags.out.stem}-parts")
    with noted() as said, progress_bar("certify", flags.quiet) as advance:
        result = certify(classifier, split, flags.recipe, seed=flags.seed, parts=parts, callback=advance)
    plot_certified({Path(flags.model).name: result}, flags.out)
    facts = {**made_by("certify", argv), "model": flags.model, "model_sha256": fingerprint(classifier), **source}
    numbers = write_sidecar(flags.out, {**facts, **result.to_json(), "warnings": [*source["warnings"], *said]})
    Parts(parts).forget()  # only now: until the result is written, it is all there is
    print_table(("radius ", "certified % ", "95% interval", "PGD % "), rows(result))
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {numbers})")
    return 0


def rows(result: Certified) -> list[tuple[str, ...]]:
    """A row for each radius: certified accuracy with its interval, and accuracy under PGD where that was measured."""
    found = []
    for radius, name in radius_names(result.radii).items():
        share, attacked = result.accuracy(radius), result.empirical.get(radius)
        low, high = wilson(share, len(result.index))
        ends = f"[{100 * low:.2f}, {100 * high:.2f}]"
        found.append((name, f"{100 * share:.2f}", ends, "-" if attacked is None else f"{100 * attacked:.2f}"))
    return found
