"""`pellucid layers`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from torch import Tensor

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import replacing, write_json
from ..base.recipes import plain
from ..core.classifier import Classifier
from ..evaluation.jacobian import largest_singular_value
from ..evaluation.layers import LayerRobustness, LayersRecipe, check_runs, converged, layer_robustness
from ..evaluation.partial import split_sha256
from ..gallery.save import check_free, sidecar_path
from ..style.surgery import randomize
from ..zoo.models import fingerprint, load
from .common import INLINE, file_sha256, parse, progress_bar, short
from .pictures import Pictures, pictures

CHECKED = 16  # images of the checks, which take five times the steps


@dataclass(frozen=True)
class LayersFlags:
    """How robust each layer is: how far the worst small change of an image moves it, against how far apart images are.

    pellucid layers --models cifar10-l2-0.5 cifar10-standard --data torchvision:CIFAR10 --out layers.png
    """

    models: tuple[str, ...] = ("cifar10-l2-0.5", "cifar10-standard")
    """Bundled names, bundles' paths, timm:NAME or torchvision:NAME."""
    images: tuple[Path, ...] = ()
    """Image files, or folders of them."""
    data: str = ""
    """Instead of images: a folder of class folders, an .npz, or torchvision:NAME, whose test images are taken."""
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
    seed: int = 0
    """Of random starts, the choice of images and the bootstrap."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the search. What it found is measured in float32."""
    overwrite: bool = False
    """Replace a result that exists."""
    quiet: bool = False
    """No progress bar."""
    recipe: Annotated[LayersRecipe, INLINE] = LayersRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(LayersFlags, argv, "layers")
    if flags.out.suffix.lower() != ".png":
        raise InputError(f"the figure is a .png, not {flags.out}")
    if not flags.models or len(set(flags.models)) < len(flags.models):
        raise InputError("name each model once, and at least one")
    if flags.size is not None:
        positive_int("--size", flags.size)
    check_free(flags.out, flags.overwrite)
    source = pictures(flags.images, flags.data, flags.count, flags.seed)
    classifiers = {
        called: load(name, flags.device) for called, name in zip(short(flags.models), flags.models, strict=True)
    }
    prints = {called: fingerprint(classifier) for called, classifier in classifiers.items()}
    if flags.random:
        classifiers["random weights"] = with_random_weights(next(iter(classifiers.values())), flags.seed)
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
                checks[name] = check(classifier, images[:CHECKED], found[name], flags.recipe, flags.seed)
    plot(found, flags.out)
    facts = {
        "task": "layers",
        "command": ["layers", *argv],
        "recipe": plain(flags.recipe),
        "seed": flags.seed,
        **next(iter(taken.values()))[1],  # at the first model's size
        "images": len(images),
        "model_sha256": prints,
        "layers": {name: [_plain(result) for result in results] for name, results in found.items()},
        "checks": checks,
    }
    write_json(sidecar_path(flags.out), facts)
    print(table(found, checks))
    if not flags.quiet:
        print(f"{flags.out}  (numbers: {sidecar_path(flags.out)})")
    return 0


def with_random_weights(classifier: Classifier, seed: int) -> Classifier:
    """The same network before any training."""
    control = copy.deepcopy(classifier)
    randomize(control.network, seed)
    return control


def take(source: Pictures, side: int | None) -> tuple[Tensor, dict[str, Any]]:
    """The images, and what tells them from others."""
    if source.files:
        return source.read(side), {"inputs": [{"path": str(p), "sha256": file_sha256(p)} for p in source.files]}
    name, split = source.drawn(side)
    facts = {"data": source.data, "split": name, "data_sha256": split_sha256(split, len(split))}
    return split.batch(slice(None))[0], facts


def check(
    classifier: Classifier, images: Tensor, found: Sequence[LayerRobustness], recipe: LayersRecipe, seed: int
) -> dict[str, dict[str, float]]:
    """For each layer the growth with five times the steps, and R to first order, which R comes near at a small eps.

    To first order an L2 ball becomes an ellipsoid, whose longest axis is known; of what a cube becomes it is not.
    """
    growth = converged(classifier, images, [result.layer for result in found], recipe, seed=seed)
    told = {layer: {"five_times_the_steps": round(grown, 4)} for layer, grown in growth.items()}
    if recipe.norm == "l2":
        for result in found:
            change = float(largest_singular_value(classifier, images, result.layer).mean()) * recipe.eps
            told[result.layer]["first_order"] = round(change / result.spread, 5)
    return told


def _plain(result: LayerRobustness) -> dict[str, Any]:
    numbers = {"value": result.value, "low": result.low, "high": result.high, "spread": result.spread}
    return {"layer": result.layer, **{name: round(number, 5) for name, number in numbers.items()}}


def table(found: Mapping[str, Sequence[LayerRobustness]], checks: Mapping[str, Mapping[str, dict[str, float]]]) -> str:
    """A line for each layer of each model."""
    width = max(len(r.layer) for results in found.values() for r in results)
    lines = []
    for name, results in found.items():
        lines.append(name)
        for r in results:
            line = f"  {r.layer:<{width}}  {r.value:7.4f}  [{r.low:.4f}, {r.high:.4f}]"
            if told := checks.get(name, {}).get(r.layer):
                line += f"  x{told['five_times_the_steps']:.3f} with 5x the steps"
                if "first_order" in told:
                    line += f", {told['first_order']:.4f} to first order"
            lines.append(line)
    return "\n".join(lines)


def places(orders: Iterable[Sequence[str]]) -> list[str]:
    """Every layer of every model, each once: those of one model alone stand together, after the layer before them.

    >>> places([["stem", "representation", "head"], ["conv1", "fire2", "representation"]])
    ['conv1', 'fire2', 'stem', 'representation', 'head']
    """
    names: list[str] = []
    for order in orders:
        after = 0
        for layer in order:
            if layer not in names:
                names.insert(after, layer)
            after = names.index(layer) + 1
    return names


def plot(found: Mapping[str, Sequence[LayerRobustness]], path: Path) -> None:
    """R over the layers of each model from input to output, with its 95% intervals; models of other layers have theirs
    side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    names = places([r.layer for r in results] for results in found.values())
    for name, results in found.items():
        results = sorted(results, key=lambda r: names.index(r.layer))  # two models may disagree about an order
        where = [names.index(r.layer) for r in results]
        around = [[max(r.value - r.low, 0) for r in results], [max(r.high - r.value, 0) for r in results]]
        axes.errorbar(where, [r.value for r in results], yerr=around, marker="o", markersize=3, capsize=2, label=name)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_ylabel("R: largest change / distance of two images")
    axes.set_yscale("log")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
