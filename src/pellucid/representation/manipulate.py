"""Feature manipulation: a feature added to an image, and no more of it than it takes (representations paper, 4.2.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ..base.checks import number, positive
from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2, Unbounded
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions, descend
from ..core.descent import Descent
from ..core.objective import Activation
from ..data.image import fit
from .stop import Exceeds, Reaches

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class ManipulateRecipe(Recipe):
    """Settings of `manipulate`."""

    eps: float = math.inf
    """Radius of the L2 ball around the image; inf for none."""
    steps: int = 300
    """Steps of the descent, at most."""
    step_size: float = PerPixel(0.1 / 32)
    """Length of a step."""
    until: Literal["exceeds", "reaches"] = "exceeds"
    """An image is done when the unit exceeds every other one (the paper), or reaches `value` (the notebook)."""
    value: float = 1.0
    """What the unit is to reach."""
    straight_through: bool = True
    """The gradient passes the last ReLU as if it were the identity, so that a unit that is off can be switched on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("eps", self.eps)
        number("value", self.value)


PRESETS = {
    # feature_addition.ipynb, for 224 px; the paper gives the rule and no numbers.
    "paper": ManipulateRecipe(1000, 800, 0.1),
    "notebook": ManipulateRecipe(1000, 800, 0.1, until="reaches"),
}


@task(ManipulateRecipe, DescendOptions)
def manipulate(
    classifier: Classifier,
    images: Images,
    units: Tensor | int,
    recipe: ManipulateRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Add a feature:   x <- x + step along ∇ R(x)_unit,   until R(x)_unit exceeds every other coordinate of R(x).

    Args:
        classifier: preferably a robust one.
        images: tensors, arrays, PIL images or paths, brought to the classifier's size.
        units: of the representation, one for all images or `(N,)`, one for each.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Returns:
        The images; `stopped_at` and `stopped` tell at which step each was done, or that its steps ran out.
        `info["units"]` are the units.

    Raises:
        InputError: a unit that does not exist, another number of units than of images.

    >>> import pellucid as pl
    >>> photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> manipulate(pl.load("cifar10-l2-0.5", "cpu"), photo, 5, ManipulateRecipe(steps=3)).images.shape
    torch.Size([1, 3, 32, 32])
    """
    recipe = checked(recipe, ManipulateRecipe).at(classifier.size)
    start = fit(classifier, images)
    unit = torch.as_tensor(units).reshape(-1)
    if len(unit) not in (1, len(start)):
        raise InputError(f"{len(unit)} units for {len(start)} images; give one, or one for each")
    unit = unit.expand(len(start)).contiguous()
    descent = descend(
        classifier,
        -Activation(unit, straight_through=recipe.straight_through),
        start,
        ball=L2(recipe.eps) if math.isfinite(recipe.eps) else Unbounded(),
        steps=recipe.steps,
        step_size=recipe.step_size,
        stop=Exceeds(unit) if recipe.until == "exceeds" else Reaches(unit, recipe.value),
        seed=seed,
        callback=callback,
        **dict[str, Any](**options),
    )
    return descent.about(units=unit.tolist())
