"""Interpolation: from one image to another through representations (representations paper, appendix A.5, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..base.blur import blurred
from ..base.checks import number, positive_int
from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, checked
from ..base.task import task
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import fit
from ..data.quality import ghosting
from .match import MatchRecipe, match, represent

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class InterpolateRecipe(MatchRecipe):
    """Settings of `interpolate`."""

    intervals: int = 8
    """T of eq. 6: an interpolation has T + 1 images."""
    blur: float = PerPixel(6 / 128)
    """Width in pixels of the Gaussian that blurs the averages of pixels which the images begin as. So neither image
    shines through, and the ends are inversions like the rest. The paper: 0, which leaves the ends as they are."""
    sigmas: tuple[float, float] = (PerPixel(2 / 128), PerPixel(0.5 / 128))

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("intervals", self.intervals)
        number("blur", self.blur, 0)


PAPER = InterpolateRecipe(
    eps=1000,
    steps=10_000,
    step_size=1.0,
    momentum=0,
    schedule="constant",
    tolerance=0,
    straight_through=True,
    intervals=9,
    blur=0.0,
    sigmas=(0.0, 0.0),
)
PRESETS = {
    # Appendix A.6.2; the number of images is the notebook's.
    "paper": PAPER,
    "notebook-cifar10": replace(PAPER, step_size=0.1),
}


@task(InterpolateRecipe, DescendOptions)
def interpolate(
    classifier: Classifier,
    first: Images,
    last: Images,
    recipe: InterpolateRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Walk between images:   x_λ = argmin over x of ‖R(x) - ((1 - λ) R(first) + λ R(last))‖₂,   λ = 0, 1/T, ... 1.

    All images of all pairs are solved together, each from the blurred average of its pair's pixels, weighted alike.

    Args:
        classifier: whose representation it is; of a standard one the result stays near the average of pixels.
        first, last: tensors, arrays, PIL images or paths, brought to the classifier's size.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Returns:
        N (T + 1) images, pair by pair; `start` holds the blurred averages of pixels. `info["ghosting"]` says, for the
        middle of each pair, how much of both images shines through (see `ghosting`); 1 for an average of pixels, None
        for two images that are the same.

    Raises:
        InputError: fewer than one interval, different numbers of first and last images.

    >>> import pellucid as pl
    >>> two = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> walk = interpolate(pl.load("cifar10-l2-0.5", "cpu"), two[:1], two[1:], InterpolateRecipe(steps=3, intervals=2))
    >>> walk.images.shape
    torch.Size([3, 3, 32, 32])
    """
    recipe = checked(recipe, InterpolateRecipe).at(classifier.size)
    intervals = recipe.intervals
    first, last = fit(classifier, first, "first"), fit(classifier, last, "last")
    if first.shape != last.shape:
        raise InputError(f"images of {tuple(first.shape)} and {tuple(last.shape)} make no pairs; give two of one shape")
    shares = torch.linspace(0, 1, intervals + 1)
    start = blurred(between(first, last, shares), recipe.blur).clamp(0, 1)
    wanted = between(represent(classifier, first), represent(classifier, last), shares.to(classifier.device))
    descent = match(classifier, wanted, start, recipe, seed=seed, callback=callback, **options)
    middle = descent.images.unflatten(0, (len(first), intervals + 1))[:, (intervals + 1) // 2]
    shine = ghosting(middle, first.to(middle), last.to(middle)) if intervals > 1 else torch.zeros(0)
    return descent.about(shares=shares.tolist(), ghosting=[round(v, 3) if v == v else None for v in shine.tolist()])


def between(first: Tensor, last: Tensor, shares: Tensor) -> Tensor:
    """`(N, ...)` and `(N, ...)` to `(N (T + 1), ...)`: (1 - λ) first + λ last for each of T + 1 shares λ."""
    shares = shares.reshape(1, -1, *[1] * (first.ndim - 1))
    return torch.lerp(first[:, None], last[:, None], shares).flatten(0, 1)
