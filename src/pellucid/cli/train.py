"""`pellucid train`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch

from ..base.devices import pick_device
from ..base.errors import InputError
from ..base.processes import processes
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..data.gaussians import check_fit, fit_gaussians, usual_grain
from ..data.image import write_image
from ..data.load import load_data
from ..gallery.grid import grid, magnified
from ..gallery.save import check_writable
from ..training.checkpoint import CHECKPOINT, holds_run
from ..training.estimate import Estimate, estimate
from ..training.logs import tensorboard
from ..training.presets import PRESETS
from ..training.recipe import TrainRecipe
from ..training.train import EpochReport, TrainProgress, train
from ..training.trainable import check_data, trained_size
from ..zoo.bundle import save_bundle
from .flags import INLINE, DataFlags, MachineFlags, OutputFlags
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class Train(DataFlags, MachineFlags, OutputFlags):
    """Train a classifier and write it as a bundle, with class Gaussians for its seeds.

    pellucid train --data torchvision:CIFAR10 --attack.eps 0.5 --out runs/robust
    accelerate launch -m pellucid train --data imagenet --preset synthesis-imagenet --size 256 --out runs/imagenet
    """

    data: str = ""
    """A folder of class folders (or of train/ and test/ with class folders), an .npz, torchvision:NAME, ...; see
    docs/data.md."""
    out: Path = Path("runs/classifier")
    """A folder for checkpoints, metrics.jsonl and the bundle, which has the folder's name."""
    preset: str | None = None
    """A paper's settings, which further flags then change; an unknown name lists them."""
    size: int | None = None
    """Side to which images are brought; needed where a folder's images differ."""
    class_names: tuple[str, ...] = ()
    """Names for the classes of a CycleGAN folder, such as horse zebra."""
    workers: int | None = None
    """Processes that decode images, for data sets that are not held in memory."""
    resume: bool = False
    """Go on from the checkpoint in --out, exactly."""
    dry_run: bool = False
    """Only say what it would cost: a few steps are taken, nothing is written."""
    tensorboard: bool = False
    """Also log for TensorBoard, into --out; needs the extra "log"."""
    examples_every: int = 5
    """Epochs from one picture of training images above their worst neighbors to the next; 0 for none."""
    grain: int | None = None
    """Class Gaussians are fitted to images whose sides are divided by this; if not given, by 4 from 224 px on, else so
    that 16 px are left, or by what divides the side. The paper takes 4 at 224 px and 1 at 32 px; at 32 px, 2 keeps 98%
    of the variance in the space in which 1 keeps 84%, and the results look alike."""
    rank: int = 192
    """Eigenvectors kept of each class Gaussian; a class with fewer images is kept exactly."""
    half: bool = False
    """Write the bundle in float16: half the size, about three digits; logits move by about 1e-3. By default the weights
    stay float32, exactly."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's passes; auto takes bfloat16 where it is faster. Weights stay float32."""
    recipe: Annotated[TrainRecipe, INLINE] = TrainRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Train, argv, "train", PRESETS)
    if flags.examples_every < 0:
        raise InputError(f"examples-every must be a number of epochs, or 0 for no pictures, not {flags.examples_every}")
    held = holds_run(flags.out)
    if held and not (flags.resume or flags.overwrite or flags.dry_run):
        raise InputError(f"{flags.out} holds a run; go on with --resume or begin again with --overwrite")
    if flags.resume and not held:
        raise InputError(f"{flags.out} holds no {CHECKPOINT} to resume from")
    check_writable(flags.out / CHECKPOINT)
    data = load_data(
        flags.data, flags.size, grouping=flags.grouping, class_names=flags.class_names or None,
        skip_unreadable=flags.skip_unreadable,
    )  # fmt: skip
    check_data(data)
    check_gaussians(data, flags)
    device = pick_device(flags.device)
    if flags.dry_run:
        print(f"{data.counts()}\n{flags.recipe.arch}, {flags.recipe.epochs} epochs; a few steps are timed", flush=True)
        print(table(estimate(data, flags.recipe, device=device, precision=flags.precision), len(data.train)))
        return 0
    main_process = processes().main
    loggers = [tensorboard(flags.out / "tensorboard")] if flags.tensorboard and main_process else []

    def on_epoch(report: EpochReport) -> None:
        epoch = report.metrics["epoch"]
        if flags.examples_every and (epoch % flags.examples_every == 0 or epoch == flags.recipe.epochs):
            clean, worst = report.examples()
            write_image(
                flags.out / "examples" / f"epoch-{epoch:04d}.png", grid(magnified(torch.cat([clean, worst])), 8)
            )
        for log in loggers:
            log(report)

    with progress_bar("train", flags.quiet or not main_process) as advance:

        def callback(progress: TrainProgress) -> None:
            advance(progress.step / progress.steps)

        classifier = train(
            data, flags.recipe, flags.out, resume=flags.resume, overwrite=flags.overwrite,
            device=device, precision=flags.precision, workers=flags.workers, callback=callback, on_epoch=on_epoch,
        )  # fmt: skip
    if main_process:
        path = bundle(classifier, data, flags, argv)
        if not flags.quiet:
            print(f"{path}  ({path.stat().st_size / 1e6:.1f} MB)")
            print(f"measure it: pellucid evaluate --model {path} --data {flags.data}")
    return 0


def check_gaussians(data: Dataset, flags: Train) -> None:
    """Raise `InputError` where class Gaussians could not be fitted after the training."""
    side = trained_size(flags.recipe, data)[0]  # the bundle is for squares of this side
    check_fit(data.train, data.class_names, grain_of(flags, side), flags.rank, (side, side))


def grain_of(flags: Train, side: int) -> int:
    """The grain that the flags ask for."""
    return usual_grain(side) if flags.grain is None else flags.grain


def bundle(classifier: Classifier, data: Dataset, flags: Train, argv: Sequence[str]) -> Path:
    """Write the trained classifier, with its card and class Gaussians."""
    words = [word for word in argv if word not in ("--resume", "--overwrite")]
    classifier.card["command"] = shlex.join(["pellucid", "train", *words])
    side = classifier.card["size"]
    gaussians = fit_gaussians(data.train, len(data.class_names), grain_of(flags, side), flags.rank, size=side)
    name = flags.out.resolve().name  # --out . has no name of its own
    place = flags.out / f"{name}.safetensors"
    return save_bundle(classifier, place, gaussians=gaussians, half=flags.half, overwrite=True)


def table(cost: Estimate, images: int) -> str:
    """An estimate as text."""
    hours, rest = divmod(round(cost.seconds * cost.epochs), 3600)
    return "\n".join(
        [
            f"parameters       {cost.parameters:,}",
            f"images           {images:,} in {cost.steps:,} steps an epoch",
            f"passes           {cost.forwards:g} forward and {cost.backwards:g} backward, an image and epoch",
            f"memory           {cost.memory / 2**30:.1f} GiB at most so far, with {cost.batch} images at once",
            f"time             {cost.seconds:.0f} s an epoch, {hours} h {rest // 60} min for {cost.epochs} epochs",
        ]
    )
