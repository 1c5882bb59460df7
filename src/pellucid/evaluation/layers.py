"""How robust each layer is: the measure of Ilyas et al. 2019 (their response on style transfer, distill.pub 00019)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_fields, check_images, positive_int
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.image import Images
from ..base.pictures import Table
from ..base.recipes import checked
from ..base.task import task
from ..core.ball import Norm
from ..core.batch import generators, norms
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.objective import Objective
from ..core.reading import Activations
from .jacobian import largest_singular_value
from .threat import check_radii, check_runs, check_step_size, threat_ball

if TYPE_CHECKING:
    from typing_extensions import Unpack

FEWEST_RESAMPLINGS = 100  # fewer do not tell where the outer 2.5% begin


@dataclass(frozen=True)
class LayersRecipe:
    """Settings of `layer_robustness`. The article states none of them, so that every result must."""

    norm: Norm = "l2"
    """Norm of the ball around each image."""
    eps: float = 0.5
    """Its radius in [0, 1] units. R grows with it: values for different radii cannot be compared."""
    steps: int = 40
    """Steps of the search for the worst image of the ball."""
    step_size: float | None = None
    """Length of the first step; 10 eps if not given. Steps shrink evenly to 1/200 of it."""
    restarts: int = 2
    """Searches from different random points; the worst counts. At the image itself there is no gradient to follow."""
    layers: tuple[str, ...] = ()
    """Which layers; all that `pellucid show` lists, and the representation, if none is named."""
    bootstrap: int = 1000
    """Resamplings of the images for the 95% confidence interval."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_radii(self.norm, [self.eps])
        check_step_size(self.step_size)
        positive_int("steps", self.steps)
        positive_int("restarts", self.restarts)
        if self.bootstrap < FEWEST_RESAMPLINGS:
            raise InputError(f"bootstrap must be at least {FEWEST_RESAMPLINGS}, not {self.bootstrap}")


@dataclass(frozen=True, repr=False)
class LayerRobustness:
    """What was found for one layer.

    Attributes:
        layer: its name.
        value: R, the mean largest change over the mean distance between two images; low is robust.
        low, high: the 95% bootstrap interval of R.
        change: `(N,)`, the largest change found around each image.
        spread: the mean distance of two different images.
    """

    layer: str
    value: float
    low: float
    high: float
    change: Tensor
    spread: float

    def __repr__(self) -> str:
        return f"LayerRobustness({self.layer}: {self.value:.4g}, 95% interval {self.low:.4g} to {self.high:.4g})"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, without the images' own changes."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "spread": self.spread}
        return {"layer": self.layer, **{name: round(number, 5) for name, number in numbers.items()}}


class Layers(Table, list[LayerRobustness]):
    """A result for each layer."""

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        return ("layer", "R", "95% interval"), [
            (layer.layer, f"{layer.value:.4g}", f"{layer.low:.4g} to {layer.high:.4g}") for layer in self
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """As plain JSON, a part for each layer."""
        return [layer.to_json() for layer in self]


@dataclass(frozen=True)
class Shift(Objective):
    """‖f(x) - clean‖₂ of a layer f: how far it has gone from what it was, `(N, ...)`, without a unit of its own."""

    clean: Tensor
    layer: str

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return norms(activations[self.layer].flatten(1) - self.clean.flatten(1))


class LayersSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `layer_robustness`."""

    norm: Norm
    eps: float
    steps: int
    step_size: float | None
    restarts: int
    layers: tuple[str, ...]
    bootstrap: int


@task(LayersRecipe)
def layer_robustness(
    classifier: Classifier,
    images: Images,
    recipe: LayersRecipe | None = None,
    *,
    seed: int = 0,
    precision: Precision = "float32",
    batch_size: int = 50,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[LayersSettings],
) -> Layers:
    """How far a small change of the image moves each layer, relative to how far apart two images are in it:

        R(f) = mean over x of max over x' in B(x) of ‖f(x') - f(x)‖₂  /  mean over x₁ ≠ x₂ of ‖f(x₁) - f(x₂)‖₂.

    Args:
        classifier: any network.
        images: `(N, 3, H, W)` in [0, 1], at least two, at the classifier's size.
        recipe: ball, steps, restarts, layers.
        seed: of random starts and of the bootstrap.
        precision: of the search; what it found is measured in float32.
        batch_size: how many images at once; the result does not depend on it. Memory holds the layer's activations of
            two such batches.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Returns:
        One result a layer, from input to output. The maximum is only bounded from below: compare with more steps
        (`converged`) and with the first-order estimate (`pellucid.evaluation.jacobian`).

    Raises:
        InputError: fewer than two images, or of a size that the network cannot take; a layer that does not exist or
            is the same for all images.

    >>> import pellucid as pl
    >>> recipe = LayersRecipe(steps=2, restarts=1, layers=("representation",), bootstrap=100)
    >>> photos = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> [found] = layer_robustness(pl.load("cifar10-l2-0.5", "cpu"), photos, recipe)
    >>> found.low <= found.value <= found.high
    True
    """
    check_classifier(classifier)
    recipe = checked(recipe, LayersRecipe)
    positive_int("batch_size", batch_size)
    images = check_images(images, size=classifier.size)
    if len(images) < 2:
        raise InputError("layer robustness compares images with each other; give two or more")
    check_runs(classifier, images)
    names = in_order(classifier, recipe.layers or (*classifier.layers, "representation"))
    found = Layers()
    for number, layer in enumerate(names):
        changes = []
        for first in range(0, len(images), batch_size):
            part = images[first : first + batch_size]
            changes.append(largest_change(classifier, part, layer, recipe, seed, precision, first))
            if callback is not None:
                callback((number + (first + len(part)) / len(images)) / len(names))
        apart = distances(classifier, images, layer, batch_size)
        found.append(_ratio(layer, torch.cat(changes), apart, recipe.bootstrap, seed))
    return found


def in_order(classifier: Classifier, layers: Iterable[str]) -> list[str]:
    """The layers, each once, from input to output: in the order in which the network holds its modules."""
    paths = [path for path, _ in classifier.network.named_modules()]

    def place(layer: str) -> tuple[float, int]:
        if layer == "representation":  # what the head reads
            return paths.index(classifier.layers.get(classifier.head, classifier.head)) - 0.5, 0
        path = classifier.layers.get(layer, layer)
        inside = [number for number, other in enumerate(paths) if f"{other}.".startswith(f"{path}.")]
        return (inside[-1], -inside[0]) if inside else (len(paths), 0)  # a module ends after all within; the logits

    return sorted(dict.fromkeys(layers), key=place)


def shrinking(progress: float) -> float:
    """From 1 to 1/200, in equal ratios.

    A step many times as long as the ball is wide ends where the gradient points, which on a linear layer is power
    iteration; shorter ones then follow the bends of the layer and the borders of [0, 1].
    """
    return 200.0**-progress


def largest_change(
    classifier: Classifier,
    images: Tensor,
    layer: str,
    recipe: LayersRecipe,
    seed: int = 0,
    precision: Precision = "float32",
    first: int = 0,
) -> Tensor:
    """max over x' in B(x) of ‖f(x') - f(x)‖₂ for each image, `(N,)`, as far as the search finds it.

    The first of the images is number `first` of all: its random starts are its own, in whatever batch it comes.
    """
    clean, ball = read(classifier, images, layer), threat_ball(recipe.norm, recipe.eps)
    changes = []
    for restart in range(recipe.restarts):
        rng = generators(seed * 7919 + restart + 1, len(images), first)
        descent = descend(
            classifier,
            -Shift(clean, layer),
            ball.random(images, rng),
            center=images,
            ball=ball,
            steps=recipe.steps,
            step_size=recipe.step_size or 10 * recipe.eps,
            schedule=shrinking,
            keep_best=True,
            precision=precision,
        )
        changes.append(norms((read(classifier, descent.images, layer) - clean).flatten(1)).cpu())
    return torch.stack(changes).amax(0)


def read(classifier: Classifier, images: Tensor, layer: str) -> Tensor:
    """A layer's activations, without gradients."""
    with torch.no_grad():
        return classifier(images.to(classifier.device), [layer])[layer]


def distances(classifier: Classifier, images: Tensor, layer: str, batch_size: int) -> Tensor:
    """The distance of every two images in a layer, `(N, N)`, with two batches of activations in memory at a time."""
    parts = [slice(first, first + batch_size) for first in range(0, len(images), batch_size)]
    apart = torch.zeros(len(images), len(images))
    for number, rows in enumerate(parts):
        one = read(classifier, images[rows], layer).flatten(1)
        for columns in parts[number:]:
            other = one if columns == rows else read(classifier, images[columns], layer).flatten(1)
            # Not by ‖a‖² + ‖b‖² - 2ab, which loses the small distances of large activations.
            block = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").cpu()
            apart[rows, columns], apart[columns, rows] = block, block.T
    return apart


def _ratio(layer: str, change: Tensor, apart: Tensor, bootstrap: int, seed: int) -> LayerRobustness:
    count = len(change)
    spread = float(apart.sum() / (count * (count - 1)))
    if spread == 0:
        raise InputError(f"layer {layer!r} is the same for all images; there is nothing to compare a change with")
    weights = torch.randint(count, (bootstrap, count), generator=torch.Generator().manual_seed(seed))
    times = torch.zeros(bootstrap, count).scatter_add_(1, weights, torch.ones(bootstrap, count))
    # A resampled image is no pair with its own copies: they are one image, at a distance that is no distance.
    pairs = times.sum(1).square() - times.square().sum(1)
    resampled = (times @ change / count) / (((times @ apart) * times).sum(1) / pairs)
    resampled = resampled[resampled.isfinite()]
    low, high = torch.quantile(resampled, torch.tensor([0.025, 0.975])).tolist()
    return LayerRobustness(layer, float(change.mean()) / spread, low, high, change, spread)


def converged(
    classifier: Classifier,
    images: Tensor,
    layers: Sequence[str],
    recipe: LayersRecipe,
    *,
    times: int = 5,
    seed: int = 0,
) -> dict[str, float]:
    """By what factor the largest change grows with `times` as many steps; near 1 the search has converged.

    The longer search takes `times` as many steps of every length, so that its way is as many times as long: one of
    shorter steps would get no farther than the first.
    """
    longer = replace(recipe, steps=recipe.steps * times)
    grown = {}
    for layer in layers:
        few, many = (float(largest_change(classifier, images, layer, r, seed).mean()) for r in (recipe, longer))
        grown[layer] = many / few
    return grown


def check(
    classifier: Classifier,
    images: Tensor,
    found: Sequence[LayerRobustness],
    recipe: LayersRecipe,
    *,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """For each layer the growth with five times the steps and, for an L2 ball, R to first order.

    To first order an L2 ball becomes an ellipsoid, whose longest axis is known; R comes near it at a small eps.
    """
    growth = converged(classifier, images, [result.layer for result in found], recipe, seed=seed)
    checks = {layer: {"five_times_the_steps": round(grown, 4)} for layer, grown in growth.items()}
    if recipe.norm == "l2":
        for result in found:
            change = float(largest_singular_value(classifier, images, result.layer).mean()) * recipe.eps
            checks[result.layer]["first_order"] = round(change / result.spread, 5)
    return checks
