"""`pellucid layers`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from torch import Tensor

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..data.identity import split_digest
from ..evaluation.layers import LayersRecipe, check, layer_robustness
from ..evaluation.threat import check_runs
from ..gallery.plots import plot_layers
from ..gallery.save import check_figure
from ..gallery.sidecar import made_by, write_sidecar
from ..style.surgery import randomize
from ..zoo.models import fingerprint, load
from .flags import INLINE, MachineFlags, OutputFlags, PictureFlags, SeedFlags
from .inputs import Pictures, pictures
from .parse import parse
from .run import progress_bar
from .table import print_table

CHECKED = 16  # images of the checks, which take five times the steps
CHECKS = {"five_times_the_steps": "growth with 5x steps ", "first_order": "R to first order "}  # heads of their columns


@dataclass(frozen=True)
class LayersFlags(PictureFlags, SeedFlags, MachineFlags, OutputFlags):
    """How robust each layer is: how far the worst small change of an image moves it, against how far apart images are.

    pellucid layers --models cifar10-l2-0.5 cifar10-standard --data torchvision:CIFAR10 --out layers.png
    """

    models: tuple[str, ...] = ("natural20-l2-2.0", "natural20-standard")
    """Bundled names, bundles' paths, timm:NAME or torchvision:NAME."""
    count: int = 200
    """How many images of the data."""
    size: int | None = None
    """Side of the images in pixels, the same for all models; each model's own if not given."""
    random: bool = False
    """Also measure the first model with random weights, as a control."""
    check: bool = False
    """Also tell by what factor five times the steps raise the change, and for an L2 ball a first-order estimate of it:
    the largest singular value of the Jacobian, times eps."""
    out: Path = Path("layers.png")
    """An image file for the figure; the numbers go to a .json beside it."""
    recipe: Annotated[LayersRecipe, INLINE] = LayersRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(LayersFlags, argv, "layers")
    if not flags.models or len(set(flags.models)) < len(flags.models):
        raise InputError("name each model once, and at least one")
    if flags.size is not None:
        positive_int("--size", flags.size)
    check_figure(flags.out, flags.overwrite)
    source = pictures(flags.images, flags.data, flags.count, flags.seed)
    classifiers = {
        called: load(name, flags.device) for called, name in zip(short(flags.models), flags.models, strict=True)
    }
    prints = {called: fingerprint(classifier) for called, classifier in classifiers.items()}
    if flags.random:
        control = classifiers["random weights"] = copy.deepcopy(next(iter(classifiers.values())))
        randomize(control.network, flags.seed)
    sides = {name: flags.size or classifier.size for name, classifier in classifiers.items()}
    taken = {side: take(source, side) for side in dict.fromkeys(sides.values())}
    for name, classifier in classifiers.items():
        check_runs(classifier, taken[sides[name]][0])
    found, checks = {}, {}
    with progress_bar("layers", flags.quiet) as advance:
        for number, (name, classifier) in enumerate(classifiers.items()):
            images, _ = taken[sides[name]]
            found[name] = layer_robustness(
                classifier, images, flags.recipe, seed=flags.seed,
                precision=pick_precision(flags.precision, classifier.device),
                callback=lambda share, number=number: advance((number + share) / len(classifiers)),
            )  # fmt: skip
            if flags.check:
                checks[name] = check(classifier, images[:CHECKED], found[name], flags.recipe, seed=flags.seed)
    plot_layers(found, flags.out)
    facts = made_by("layers", argv, recipe=flags.recipe, seed=flags.seed, inputs=source.files or None)
    facts |= {**next(iter(taken.values()))[1], "images": len(images), "model_sha256": prints}  # at the first one's size
    facts["layers"] = {name: [result.to_json() for result in results] for name, results in found.items()}
    numbers = write_sidecar(flags.out, {**facts, "checks": checks})
    for name, results in found.items():
        checked = checks.get(name, {})
        columns = [column for column in CHECKS if any(column in numbers for numbers in checked.values())]
        rows = [
            (
                r.layer,
                f"{r.value:.4f}",
                f"[{r.low:.4f}, {r.high:.4f}]",
                *(f"{checked[r.layer][c]:.4f}" for c in columns),
            )
            for r, own in ((r, checked.get(r.layer, {})) for r in results)
        ]
        print_table(("layer", "R ", "95%", *(CHECKS[column] for column in columns)), rows, name)
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {numbers})")
    return 0


def take(source: Pictures, side: int | None) -> tuple[Tensor, dict[str, Any]]:
    """The images, and facts that identify a data set; files are identified as inputs."""
    if source.files:
        return source.read(side), {}
    name, split = source.drawn(side)
    facts = {"data": source.data, "split": name, "data_sha256": split_digest(split)}
    return split.batch(slice(None))[0], facts
