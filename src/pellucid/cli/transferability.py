"""`pellucid transferability`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..evaluation.transferability import TransferabilityRecipe, check_alike, transferability
from ..gallery.plots import plot_transferability
from ..gallery.save import check_figure
from ..gallery.sidecar import made_by, write_sidecar
from ..zoo.models import fingerprint, load
from .flags import INLINE, DataFlags, MachineFlags, OutputFlags, SeedFlags
from .inputs import measured, noted
from .parse import parse
from .run import progress_bar
from .table import print_table


@dataclass(frozen=True)
class TransferabilityFlags(DataFlags, SeedFlags, MachineFlags, OutputFlags):
    """Adversarial examples of each model, tried on every other: a matrix, as a figure and as JSON.

    pellucid transferability --models cifar10-l2-0.5 cifar10-standard --data torchvision:CIFAR10 --eps 0.5
    """

    models: tuple[str, ...] = ()
    """Two or more: bundled names, bundles' paths, timm:NAME or torchvision:NAME, of one input size and the same
    classes."""
    out: Path = Path("transferability.png")
    """An image file for the figure; the numbers go to a .json beside it."""
    recipe: Annotated[TransferabilityRecipe, INLINE] = TransferabilityRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(TransferabilityFlags, argv, "transferability")
    if repeated := [name for name in flags.models if flags.models.count(name) > 1]:
        raise InputError(f"{repeated[0]} is named twice; name each model once")
    check_figure(flags.out, flags.overwrite)
    models = {name: load(name, flags.device) for name in flags.models}
    check_alike(models)
    first = next(iter(models.values()))
    source, split, _ = measured(flags, next((model for model in models.values() if model.class_names), first))
    precision = pick_precision(flags.precision, first.device)
    with noted() as said, progress_bar("transferability", flags.quiet) as advance:
        result = transferability(models, split, flags.recipe, precision=precision, seed=flags.seed, callback=advance)
    facts = {**made_by("transferability", argv), **result.to_json(), **source}
    facts["warnings"] = [*source["warnings"], *said]
    facts["model_sha256"] = {name: fingerprint(model) for name, model in models.items()}
    plot_transferability(result, flags.out)
    numbers = write_sidecar(flags.out, facts)
    names = short(result.names)
    rows = [
        (name, *(f"{100 * rate:.1f}" if rate == rate else "-" for rate in rates))
        for name, rates in zip(names, result.rates.tolist(), strict=True)
    ]
    print_table(("made on", *(f"{name} " for name in names)), rows)
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {numbers})")
    return 0
