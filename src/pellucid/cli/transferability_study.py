"""`pellucid transferability-study`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from ..base.errors import InputError
from ..base.files import write_json
from ..base.processes import processes
from ..data.identity import data_digest
from ..data.load import load_data
from ..evaluation.classes import in_order_of
from ..gallery.plots import plot_transferability_study
from ..gallery.save import check_writable
from ..gallery.sidecar import made_by
from ..training.transferability_study import TransferabilityStudy, TransferabilityStudyRecipe, transferability_study
from ..zoo.models import fingerprint, load
from .flags import INLINE, DataFlags, MachineFlags, QuietFlags, SeedFlags
from .inputs import noted
from .parse import parse
from .run import progress_bar
from .table import print_table

RESULT, FIGURE = "transferability.json", "transferability.png"


@dataclass(frozen=True)
class TransferabilityStudyFlags(DataFlags, SeedFlags, MachineFlags, QuietFlags):
    """Do adversarial examples transfer to the architectures that learn the same non-robust features? Each architecture
    is trained on clean images, and on adversarial ones labeled with the class that they were moved to.

    pellucid transferability-study --model cifar10-standard --data torchvision:CIFAR10 --count 5000 --out study

    What is finished is kept in --out; the same command goes on.
    """

    model: str = "cifar10-standard"
    """The source of all adversarial examples: a standard classifier of the data's classes."""
    out: Path = Path("transferability-study")
    """A folder for the data set, the checkpoints, transferability.png and transferability.json."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's passes; auto takes bfloat16 where it is faster. Measurements are confirmed in float32."""
    recipe: Annotated[TransferabilityStudyRecipe, INLINE] = TransferabilityStudyRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(TransferabilityStudyFlags, argv, "transferability-study")
    if processes().count > 1:
        raise InputError("a transferability study is one process's work; start it without accelerate")
    check_writable(flags.out / RESULT)
    source = load(flags.model, flags.device)
    data = load_data(flags.data, source.size, grouping=flags.grouping, skip_unreadable=flags.skip_unreadable)
    data = in_order_of(source, data)
    with noted() as said, progress_bar("transferability-study", flags.quiet) as advance:
        study = transferability_study(
            source, data, flags.recipe, folder=flags.out, seed=flags.seed, precision=flags.precision, callback=advance
        )
    plot_transferability_study(study, flags.out / FIGURE)
    facts = {**made_by("transferability-study", argv), "model": flags.model, "model_sha256": fingerprint(source)}
    facts |= {"data": data.name, "data_sha256": data_digest(data), **study.to_json(), "warnings": said}
    write_json(flags.out / RESULT, facts)
    table(study)
    if not flags.quiet:
        print(f"{flags.out / FIGURE}  (numbers: {flags.out / RESULT})")
    return 0


def table(study: TransferabilityStudy) -> None:
    """Print a row for each architecture, and the correlation."""
    shares = zip(study.archs, study.clean, study.learned, study.transfer, study.intervals(), strict=True)
    rows = [
        (arch, f"{100 * clean:.1f}", f"{100 * learned:.1f} {_percent(one)}", f"{100 * rate:.1f} {_percent(other)}")
        for arch, clean, learned, rate, (one, other) in shares
    ]
    columns = ("architecture", "trained on clean images ", "on non-robust features, 95% ", "transfer, 95% ")
    print_table(columns, rows, f"accuracy on {study.images} clean test images, and the source's success, in percent")
    print(f"r = {study.r:.2f}, 95% interval {study.low:.2f} to {study.high:.2f}")


def _percent(ends: tuple[float, float]) -> str:
    return f"[{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
