"""Feature visualization: what maximizes a unit, a channel, a direction or a class (representations paper, 4.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ..base.checks import check_images, positive_int
from ..base.errors import InputError, warn
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2, Ball, Unbounded
from ..core.batch import at_once, draw, generators
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions, descend
from ..core.descent import Descent
from ..core.objective import Objective
from ..core.optimizer import Adam, Parametrization, Pixels, Smoothed
from ..data.fourier import Fourier
from ..data.image import cover, side
from ..data.transforms import Transform, crops, standard
from .diversity import Diversity
from .feature import Feature, find_features, maximize
from .maco import Maco, magnitude_spectrum

if TYPE_CHECKING:
    from typing_extensions import Unpack

Start = Literal["noise", "gray"]
Kind = Literal["pixels", "fourier", "maco"]
Seen = Literal["none", "standard", "crops"]
UNMOVED = 1e-6  # the most that a value of an image changes without any gradient, by rounding alone


@dataclass(frozen=True)
class VisualizeRecipe(Recipe):
    """Settings of `visualize`."""

    eps: float = PerPixel(10 / 32)
    """Radius of the L2 ball around the start, of a descent on pixels; other parametrizations know no ball."""
    steps: int = 60
    """Steps of the descent."""
    step_size: float = PerPixel(0.5 / 32)
    """Length of a step, of a descent on pixels."""
    learning_rate: float = 0.05
    """Adam's, of a descent on another parametrization."""
    start: Start = "noise"
    """Where it begins without images: noise around gray, or gray."""
    noise: float = 0.05
    """Standard deviation of that noise."""
    straight_through: bool = True
    """The gradient passes the last ReLU as if it were the identity, so that a unit which is off can be switched on;
    networks without nn.ReLU modules need none of it."""
    parametrization: Kind = "pixels"
    """What moves: pixels, decorrelated Fourier coefficients, or the phase alone at the magnitudes of natural images."""
    transforms: Seen = "none"
    """What the network sees in each step: the image; lucid's jitter, scale and rotation; or a random crop."""
    diversity: float = 0.0
    """Weight of the likeness of the images of one feature, which is then held down."""
    diversity_layer: str = "representation"
    """The layer in which they are to differ."""
    size: int | None = None
    """Side of the images in pixels; the classifier's if not given."""
    sigmas: tuple[float, float] = (PerPixel(4 / 128), PerPixel(0.8 / 128))
    """Width in pixels of the Gaussian that blurs the gradient of a descent on pixels, at the first step and at the
    last; the paper: 0 0."""

    def at(self, side: int | None) -> VisualizeRecipe:
        return super().at(self.size or side)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.noise < math.inf and math.isfinite(self.diversity)):
            raise InputError(f"noise must be at least 0 and diversity a number, not {self.noise} and {self.diversity}")
        if self.size is not None:
            positive_int("size", self.size)


PRESETS = {
    # Appendix A.6.1 of the representations paper, for 224 px; its ball holds every image.
    "paper": VisualizeRecipe(1000, 200, 1.0, sigmas=(0.0, 0.0)),
    # maximizing_inputs.ipynb: Figure 8, beside the images that activate a unit most and least.
    "notebook-figure8": VisualizeRecipe(500, 1500, 0.5, start="gray", sigmas=(0.0, 0.0)),
    # Olah, Mordvintsev and Schubert 2017, as lucid has it.
    "lucid": VisualizeRecipe(steps=512, parametrization="fourier", transforms="standard", noise=0.01),
    # Fel et al. 2023 take 256 steps; their optimizer is Nadam at 1.0, and Adam is steadier at a tenth of it.
    "maco": VisualizeRecipe(steps=256, learning_rate=0.1, parametrization="maco", transforms="crops"),
}


@task(VisualizeRecipe, DescendOptions)
def visualize(
    classifier: Classifier,
    features: Sequence[str | int] | str | int,
    recipe: VisualizeRecipe | None = None,
    *,
    seeds: int = 1,
    start: Images | None = None,
    magnitude: Tensor | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Images that maximize features:   x' = argmax over ‖x - x₀‖₂ <= eps of R(x)ᵢ   (representations paper, eq. 5).

    All features from all starts are one batch of N = features · starts images, those of the first feature first. In
    `info["features"]` stands for each image its feature, the number of its start, the value reached, the class that the
    classifier sees in it and the probability of that.

    Args:
        classifier: with a robust one no regularization is needed, which is the paper's point.
        features: such as `17`, `layer4:3`, `logits:cat`, `2 * 17 - layer4:3`; see `pellucid.representation.feature`.
        recipe: settings; if not given the defaults, in proportion to the size. `PRESETS` has the published ones.
        seeds: starts of each feature, where they are drawn; the same for every feature.
        start: M images to begin with instead.
        magnitude: `(C, H, W // 2 + 1)`, what `Maco` holds fixed: `magnitude_spectrum` of photos. If not given, that of
            draws from the classifier's class Gaussians.
        seed: of starts and transforms.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`, such as `batch_size`.

    Raises:
        InputError: a feature that does not exist; features that are all dead; no magnitude where one is needed.

    Warns:
        of features that are dead: from their starts nothing activates them, and no step moved the image.

    >>> import pellucid as pl
    >>> descent = visualize(pl.load("cifar10-l2-0.5", "cpu"), [3, "logits:cat"], VisualizeRecipe(steps=2), seeds=2)
    >>> descent.images.shape, [image["feature"] for image in descent.info["features"]]
    (torch.Size([4, 3, 32, 32]), ['3', '3', 'logits:cat', 'logits:cat'])
    """
    recipe = checked(recipe, VisualizeRecipe).at(classifier.size)
    starts = _starts(classifier, recipe, seeds, start, seed)
    found = find_features(classifier, features, starts[:1])
    each = [feature for feature in found for _ in starts]
    batch = starts.repeat(len(found), 1, 1, 1)
    parametrization = _parametrization(classifier, recipe, batch.shape, magnitude)
    objective = value = maximize(each, recipe.straight_through)
    if recipe.diversity:
        objective = value + recipe.diversity * Diversity(len(starts), recipe.diversity_layer)
    pixels = isinstance(parametrization, Pixels)
    descent = descend(
        classifier,
        objective,
        batch,
        ball=_ball(recipe.eps, batch) if pixels else Unbounded(),
        steps=recipe.steps,
        step_size=recipe.step_size if pixels else recipe.learning_rate,
        optimizer=Smoothed(recipe.sigmas) if pixels else Adam(),
        parametrization=parametrization,
        transforms=_transforms(recipe, batch.shape[-1]),
        seed=seed,
        callback=callback,
        **dict[str, Any](**options),
    )
    seen = _look(classifier, value, descent.images)
    at_first = parametrization.decode(parametrization.encode(descent.start), batch.shape)
    moved = (descent.images - at_first).flatten(1).abs().amax(1).cpu() > UNMOVED
    _check_alive(found, moved | (seen["value"] > 0), recipe.straight_through)
    return descent.about(features=_facts(classifier, each, len(starts), seen))


def spectrum_of_draws(classifier: Classifier, size: int, count: int = 256) -> Tensor:
    """The magnitude spectrum of images drawn from a classifier's class Gaussians, `(C, size, size // 2 + 1)`.

    Raises:
        InputError: a classifier without class Gaussians.
    """
    if classifier.gaussians is None:
        raise InputError("maco needs the magnitude spectrum of photos, and this classifier has no class Gaussians: "
                         "give some photos (--spectrum, or magnitude=magnitude_spectrum(images))")  # fmt: skip
    labels = torch.arange(count) % classifier.classes
    return magnitude_spectrum(cover(classifier.gaussians.sample(labels, generators(0, count)), size))


def _starts(classifier: Classifier, recipe: VisualizeRecipe, seeds: int, start: Images | None, seed: int) -> Tensor:
    """One image for each start of a feature, `(M, C, H, W)`."""
    if start is not None:
        return check_images(start, "start", recipe.size or classifier.size)
    if recipe.parametrization == "maco" and recipe.start == "gray":
        raise InputError("gray has no phase for maco to move; start from noise or from images")
    size = recipe.size or side(classifier)
    gray = torch.full((positive_int("seeds", seeds), classifier.mean.shape[1], size, size), 0.5)
    if recipe.start == "gray":
        return gray
    return (gray + recipe.noise * draw(torch.randn, gray, generators(seed, seeds))).clamp(0, 1)


def _ball(eps: float, images: Tensor) -> Ball:
    """The L2 ball, or none where it holds every image, however far its center is from the middle."""
    return Unbounded() if eps >= math.sqrt(images[0].numel()) else L2(eps)


def _parametrization(
    classifier: Classifier, recipe: VisualizeRecipe, shape: torch.Size, magnitude: Tensor | None
) -> Parametrization:
    if recipe.parametrization == "maco":
        spectrum = spectrum_of_draws(classifier, shape[-1]) if magnitude is None else magnitude
        return Maco(spectrum.to(classifier.device))
    return Fourier() if recipe.parametrization == "fourier" else Pixels()


def _transforms(recipe: VisualizeRecipe, size: int) -> list[Transform]:
    return {"none": list, "standard": lambda: standard(size), "crops": crops}[recipe.transforms]()


def _look(classifier: Classifier, objective: Objective, images: Tensor) -> dict[str, Tensor]:
    """What the network sees in the images: `(N,)` values of their features, classes, and their probabilities."""
    parts = []
    read = classifier.reader(objective.layers)
    with torch.no_grad():
        for index in torch.arange(len(images), device=images.device).split(at_once(images)):
            activations = read(images[index])
            value = -objective.to(images.device).select(index)(images[index], activations)
            probability, label = activations.logits.softmax(1).max(1)
            parts.append((value.cpu(), label.cpu(), probability.cpu()))
    value, label, probability = (torch.cat(part) for part in zip(*parts, strict=True))
    return {"value": value, "class": label, "probability": probability}


def _check_alive(features: Sequence[Feature], alive: Tensor, straight_through: bool) -> None:
    """Say which features are dead: those none of whose images is alive."""
    rows = alive.reshape(len(features), -1).any(1).tolist()
    dead = [feature.name for feature, some in zip(features, rows, strict=True) if not some]
    if not dead:
        return
    names = ", ".join(dead[:8]) + (", ..." if len(dead) > 8 else "")
    verb, pronoun = ("is", "it") if len(dead) == 1 else ("are", "them")
    remedy = "try another start" if straight_through else "try straight_through, or another start"
    said = f"{names} {verb} dead: nothing from this start activates {pronoun}; {remedy}"
    if len(dead) == len(features):
        raise InputError(said)
    warn(said)


def _facts(classifier: Classifier, each: list[Feature], starts: int, seen: dict[str, Tensor]) -> list[dict[str, Any]]:
    """What stands in the sidecar of each image."""
    names = classifier.class_names or [str(label) for label in range(int(seen["class"].max()) + 1)]
    return [
        {
            "feature": feature.name,
            "start": number % starts,
            "value": round(value, 4),
            "class": names[label],
            "probability": round(probability, 4),
        }
        for number, (feature, value, label, probability) in enumerate(
            zip(each, *(seen[key].tolist() for key in ("value", "class", "probability")), strict=True)
        )
    ]
