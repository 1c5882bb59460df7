"""How near an image can be brought to another's representation without moving far (representations paper, Figure 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.image import Images
from ..base.pictures import Table, strip
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions, descend
from ..core.objective import Distance
from ..core.optimizer import cosine
from ..data.image import fit
from .invert import alike
from .match import check_norms, represent
from .momentum import Momentum

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class DistanceRecipe(Recipe):
    """Settings of `distance`."""

    radii: tuple[float, ...] = tuple(PerPixel(radius / 32) for radius in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0))
    """Of the L2 balls around the source, increasing."""
    steps: int = 100
    """Steps of the descent in each ball."""
    momentum: float = 0.9
    """How much of its direction a step keeps from the ones before."""
    straight_through: bool = False
    """The gradient passes the last ReLU as if it were the identity."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rising = all(small < large for small, large in pairwise((0.0, *self.radii, math.inf)))
        if not self.radii or not rising:
            given = ", ".join(f"{radius:g}" for radius in self.radii)
            raise InputError(f"radii must be finite, positive and increasing, not {given or 'nothing'}")


PRESETS = {
    # The radii of Figure 5, which are also within those of Figure 4; the paper does not say how many steps it took.
    "paper": DistanceRecipe((2.0, 8.0, 32.0, 128.0), 1000),
}


@dataclass(frozen=True, repr=False)
class DistanceCurve(Table):
    """What `distance` found. A notebook shows its numbers, and the images of the first pair.

    Attributes:
        radii: `(R,)`.
        distances: `(R, N)`, of each pair at each radius, relative to the norm of the target's representation.
        images: `(R, N, 3, H, W)`, the sources as they were moved.
        sources, targets: `(N, 3, H, W)`.
        forwards, backwards: passes through the network, batches counted once.
    """

    radii: Tensor
    distances: Tensor
    images: Tensor
    sources: Tensor
    targets: Tensor
    forwards: int
    backwards: int

    @property
    def mean(self) -> Tensor:
        """`(R,)`, over the pairs."""
        return self.distances.mean(1)

    @property
    def margin(self) -> Tensor:
        """`(R,)`, half the width of the mean's 95% confidence interval: 1.96 standard errors; NaN for a single pair."""
        pairs = self.distances.shape[1]
        if pairs == 1:
            return torch.full_like(self.distances[:, 0], math.nan)
        return 1.96 * self.distances.std(1) / pairs**0.5

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        means = zip(self.radii.tolist(), self.mean.tolist(), self.margin.tolist(), strict=True)
        return ("radius", "distance"), [(f"{r:g}", f"{m:.3f}" + f" ± {w:.3f}" * (w == w)) for r, m, w in means]

    def _repr_html_(self) -> str:
        images = [self.sources[0], *self.images[:, 0], self.targets[0]]
        captions = ["source", *(f"radius {radius:g}" for radius in self.radii.tolist()), "target"]
        return super()._repr_html_() + strip(images, captions)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, rounded to 5 places."""
        rounded = [[round(value, 5) for value in row] for row in self.distances.tolist()]
        return {"radii": self.radii.tolist(), "mean": [round(v, 5) for v in self.mean.tolist()], "distances": rounded}


@task(DistanceRecipe, DescendOptions, precision="float32")
def distance(
    classifier: Classifier,
    sources: Images,
    targets: Images,
    recipe: DistanceRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> DistanceCurve:
    """The distance in representation as a function of the radius:

        y(eps) = min over ‖δ‖₂ <= eps of ‖R(source + δ) - R(target)‖₂ / ‖R(target)‖₂.

    A standard classifier's curve falls at radii that nobody sees; a robust one's stays up until the source has become
    like the target. All radii of all pairs are one batch.

    Args:
        classifier: whose representation R is.
        sources, targets: tensors, arrays, PIL images or paths, brought to the classifier's size.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`. It measures, so `precision` is
            float32 if not given.

    Raises:
        InputError: sources that are neither one nor as many as targets, a target whose representation is zero.

    >>> import pellucid as pl
    >>> two = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> curve = distance(pl.load("cifar10-l2-0.5", "cpu"), two[:1], two[1:], DistanceRecipe((0.5, 4.0), steps=20))
    >>> curve.distances.shape, bool(curve.mean[0] > curve.mean[1])
    (torch.Size([2, 1]), True)
    """
    recipe = checked(recipe, DistanceRecipe).at(classifier.size)
    radii = torch.tensor(recipe.radii)
    last = fit(classifier, targets, "targets")
    first = alike(fit(classifier, sources, "sources"), last)
    wanted = represent(classifier, last)
    check_norms(wanted)
    rows = len(radii)
    descent = descend(
        classifier,
        Distance(wanted.repeat(rows, 1), straight_through=recipe.straight_through),
        first.repeat(rows, 1, 1, 1),
        ball=L2(radii.repeat_interleave(len(last))),
        steps=recipe.steps,
        optimizer=Momentum(recipe.momentum),
        schedule=cosine,
        keep_best=True,
        seed=seed,
        callback=callback,
        **dict[str, Any](**options),
    )
    return DistanceCurve(
        radii=radii,
        distances=descent.loss.unflatten(0, (rows, -1)).cpu(),
        images=descent.images.unflatten(0, (rows, -1)).cpu(),
        sources=first.cpu(),
        targets=last.cpu(),
        forwards=descent.forwards,
        backwards=descent.backwards,
    )
