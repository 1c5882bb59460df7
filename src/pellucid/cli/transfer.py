"""`pellucid transfer`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import write_json
from ..base.processes import processes
from ..core.classifier import Classifier
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..transfer_learning.content import check_unchanged
from ..transfer_learning.recipe import PRESETS, TransferRecipe
from ..transfer_learning.result import TransferResult
from ..transfer_learning.targets import open_target
from ..transfer_learning.transfer import transfer
from ..zoo.bundle import save_bundle
from ..zoo.checksum import cache_folder
from ..zoo.models import fingerprint, load
from .flags import INLINE, DataFlags, MachineFlags, OutputFlags
from .inputs import noted
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class TransferFlags(DataFlags, MachineFlags, OutputFlags):
    """How well a source serves for other classes: a linear head on its features, or fine-tuning.

    pellucid transfer --source cifar10-l2-0.5 --data photos --mode fixed --seeds 3 --out result.json
    accelerate launch -m pellucid transfer --source cifar10-l2-0.5 --data photos --mode full --out result.json
    """

    source: str = "natural20-l2-2.0"
    """A name of `pellucid models`, a bundle's path, hub:OWNER/REPO/FILE, timm:NAME or torchvision:NAME."""
    data: str = ""
    """The target: a folder with train and test, an .npz, torchvision:NAME, or paper:NAME, a data set of the paper."""
    root: Path = Path("data")
    """Where the data sets of the paper lie, as torchvision expects them."""
    size: int | None = None
    """Side of the images, for sources that do not say which they take."""
    preset: str | None = None
    """Begin with: fixed, full, full-short, paper-fixed."""
    out: Path | None = None
    """A .json for the result, which `pellucid rerun` repeats."""
    save: Path | None = None
    """What is trained (mode full, or paper-compat): NAME, of the first seed, as the bundle NAME.safetensors."""
    cache: Path | None = None
    """A folder for features; pellucid's own if not given."""
    recipe: Annotated[TransferRecipe, INLINE] = TransferRecipe()


def main(argv: Sequence[str], data_sha256: str | None = None) -> int:
    """Run the command; with the sha256 of the data where it must be what it was before."""
    flags = parse(TransferFlags, argv, "transfer", PRESETS)
    flags.recipe.check_mode()
    if flags.out is not None:
        check_file(flags.out, flags.overwrite, suffix=".json")
    if flags.save is not None:
        check_save(flags)
    source = load(flags.source, flags.device)
    if flags.size and source.size and flags.size != source.size:
        raise InputError(f"{flags.source} takes images of {source.size} px, not {flags.size}; leave out --size")
    data = open_target(
        flags.data, flags.root, source.size or flags.size,
        grouping=flags.grouping, skip_unreadable=flags.skip_unreadable,
    )  # fmt: skip
    check_unchanged(data, flags.data, data_sha256)
    main_process = processes().main
    with noted() as said, progress_bar("transfer", flags.quiet or not main_process) as advance:
        result = transfer(
            source, data, flags.recipe, cache=flags.cache or cache_folder() / "features",
            precision=pick_precision(flags.precision, source.device), callback=advance,
        )  # fmt: skip
    if not main_process:
        return 0
    print(table(result))
    if flags.save is not None:
        print(f"seed 0: {save(result, flags, argv)}")
    if flags.out is not None:
        write_json(
            flags.out, {**described(flags, argv, source), **result.to_json(), "warnings": list(dict.fromkeys(said))}
        )
    return 0


def described(flags: TransferFlags, argv: Sequence[str], source: Classifier) -> dict[str, Any]:
    """What `pellucid rerun` must know, as in every sidecar; the target's images are known by `data_sha256`, too."""
    named = [Path(name) for name in (flags.data, flags.grouping) if name and Path(name).is_file()]
    facts = {"model": flags.source, "model_sha256": fingerprint(source), "source": flags.source}
    return {**made_by("transfer", argv, inputs=named), **facts}


def save(result: TransferResult, flags: TransferFlags, argv: Sequence[str]) -> Path:
    """Write what the first seed trained as a bundle."""
    trained, attack = result.trials[0].classifier, flags.recipe.train.attack
    assert trained is not None
    assert flags.save is not None
    trained.card |= {
        "data": result.facts["data"],
        "threat": f"{attack.norm} eps {attack.eps:g}" if attack.eps else "none (standard training)",
        "start": flags.source,
        "start_sha256": result.facts["source_sha256"],
        "recipe": result.facts["recipe"],
        "command": shlex.join(["pellucid", "transfer", *(word for word in argv if word != "--overwrite")]),
    }
    return save_bundle(trained, flags.save, overwrite=True)


def check_save(flags: TransferFlags) -> None:
    """Raise `InputError` unless there will be a network to save, and both of its files can be written."""
    if not flags.recipe.trains:
        raise InputError("only what is trained can be saved: --mode full, or --paper-compat")
    bundle = flags.save or Path()
    weights = bundle if bundle.suffix == ".safetensors" else bundle.with_name(bundle.name + ".safetensors")
    card = weights.with_suffix(".json")
    if flags.out is not None and flags.out.resolve() == card.resolve():
        raise InputError(f"{card} will be the card of --save; choose another name for --out")
    for path in (weights, card):
        check_file(path, flags.overwrite)


def table(result: TransferResult) -> str:
    """The result as text, in percent."""
    name = {"top-1": "top-1 accuracy", "per-class": "mean per-class accuracy"}[result.metric]
    low, high = result.sampling_interval
    lines = [f"{name} {100 * result.accuracy:.2f}  [{100 * low:.2f}, {100 * high:.2f}] over test images"]
    if result.seed_interval is not None:
        low, high = result.seed_interval
        lines.append(f"{len(result.trials)} seeds: mean in [{100 * low:.2f}, {100 * high:.2f}]")
    for seed, trial in enumerate(result.trials):
        chosen = ", ".join(f"{key} {value:g}" for key, value in trial.chosen.items())
        lines.append(f"  seed {seed}: {100 * result.accuracies()[seed]:.2f} with {chosen}")
    return "\n".join(lines)
