"""What the entries about inverted representations share."""

from __future__ import annotations

from torch import Tensor

from ..core.descent import Descent
from ..gallery.sheet import Row
from ..representation.distance import PRESETS as DISTANCES
from ..representation.distance import DistanceCurve, DistanceRecipe, distance
from ..representation.invert import PRESETS as INVERSIONS
from ..representation.invert import InvertRecipe, invert
from .entry import Claim, Finding, Interval, Table
from .scene import Scene


def recipe(scene: Scene) -> InvertRecipe:
    """Settings of an inversion."""
    return scene.by_scale(InvertRecipe(steps=100), InvertRecipe(steps=200), INVERSIONS["paper"])


def two(scene: Scene, count: int) -> tuple[Tensor, Tensor]:
    """Sources and targets."""
    images, _ = scene.images(2 * count)
    half = len(images) // 2
    return images[:half], images[half : 2 * half]


def matched(scene: Scene, sources: Tensor, targets: Tensor) -> dict[str, Descent]:
    """Inversions of the targets from the sources, by classifier."""
    return {
        name: invert(classifier, targets, recipe(scene), start=sources, **scene.options)
        for name, classifier in scene.classifiers.items()
    }


def from_noise(scene: Scene, targets: Tensor, what: str) -> Finding:
    """Inversions from noise with every classifier."""
    made = {name: invert(c, targets, recipe(scene), **scene.options) for name, c in scene.classifiers.items()}
    return inversion(
        made,
        [Row("target", targets[:6])],
        f"Only the representations of {len(targets)} {what} are kept; each inversion begins with noise.",
        f"invert --model {scene.name} --targets targets/ --out inverted.png",
    )


def inversion(made: dict[str, Descent], first: list[Row], text: str, command: str) -> Finding:
    """Pictures and the likeness to the targets, which the robust network's inversions have more of."""
    psnr = [descent.info["result"]["psnr"] for descent in made.values()]
    rows = [
        (name, *(Interval.of_mean(descent.info["result"][key]) for key in ("distance", "psnr", "ssim")))
        for name, descent in made.items()
    ]
    claim = "Robust inversions are nearer to their targets in pixels than standard ones (PSNR)"
    return Finding(
        text,
        [*first, *pictures(made)],
        table=Table(("classifier", "relative distance in representation", "PSNR to the target", "SSIM"), rows),
        claims=[Claim(claim, Interval.of_difference(*psnr[:2]))] if len(made) > 1 else (),
        command=command,
        python="pl.invert(classifier, targets)",
    )


def distances(scene: Scene, count: int) -> dict[str, DistanceCurve]:
    """The distance in representation by radius, by classifier."""
    sources, targets = two(scene, count)
    how = scene.by_scale(DistanceRecipe(steps=30), DistanceRecipe(), DISTANCES["paper"])
    return {name: distance(c, sources, targets, how, **scene.options) for name, c in scene.classifiers.items()}


def pictures(made: dict[str, Descent]) -> list[Row]:
    """A row of at most six images for each classifier."""
    return [Row(name, descent.images[:6]) for name, descent in made.items()]
