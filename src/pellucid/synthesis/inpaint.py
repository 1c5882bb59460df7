"""Inpainting: what belongs where pixels are missing (synthesis paper, section 3.2, eq. 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from ..base.blur import blurred
from ..base.checks import check_images, number, positive
from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2, Ball, Unbounded
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions, descend
from ..core.descent import Descent
from ..core.objective import CrossEntropy, Objective
from ..core.optimizer import Smoothed, cosine
from .in_turn import after, in_turn
from .inside import Inside
from .mask import check_mask, varied
from .membrane import membrane
from .outside import Outside
from .surroundings import FINEST, continued, pyramid
from .toward import PLAIN

if TYPE_CHECKING:
    from typing_extensions import Unpack

Fill = Literal["membrane", "mean"]


@dataclass(frozen=True)
class InpaintRecipe(Recipe):
    """Settings of `inpaint`."""

    eps: float = math.inf
    """Radius of the L2 ball around the filled image; inf for none."""
    steps: int = 60
    """Steps of the descent, over all levels of the surroundings together."""
    step_size: float = PerPixel(0.4 / 128)
    """Length of a step."""
    weight: float = 100.0
    """λ of eq. 3, the weight of changes outside the mask, where those are not ruled out by composite."""
    straight_through: bool = False
    """The gradient passes the last ReLU as if it were the identity (the notebook's fake_relu)."""
    composite: bool = True
    """Keep the known pixels as they are, in every step. The papers only penalize their change, which stalls on an
    image that the classifier is already sure of: there the penalty outweighs a vanishing cross-entropy."""
    fill: Fill = "membrane"
    """What the hole begins with: the smoothest continuation of what surrounds it, or the mean color of the papers."""
    label_weight: float = 0.05
    """Weight of the class. The papers: 1."""
    surroundings: float = 1.0
    """Weight of what surrounds the hole; 0 for the papers' method, which has none."""
    feather: float = 0.0
    """Width in pixels of the region's soft edge, within the region; 0 for a hard one."""
    variety: float = 0.0
    """Standard deviation of a smooth noise in the hole to begin with, so that each seed fills it in its own way."""
    sigmas: tuple[float, float] = (PerPixel(1 / 128), PerPixel(0.3 / 128))
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("eps", self.eps)
        number("variety", self.variety, 0)


PAPERS: dict[str, Any] = {"fill": "mean", "label_weight": 1.0, "surroundings": 0.0, "sigmas": PLAIN}
# The notebook's λ, on a mean of squares, and its ReLU; the paper gives no λ.
NOTEBOOK: dict[str, Any] = {"weight": 10.0, "straight_through": True, "composite": False, **PAPERS}
PRESETS = {
    # Appendix A.8; its columns "# steps" and "step size" are swapped: 720 steps of 0.1.
    "paper-restricted-imagenet": InpaintRecipe(21.0, 720, 0.1, **NOTEBOOK),
    "notebook-restricted-imagenet": InpaintRecipe(21.6, 720, 0.1, **NOTEBOOK),
}


@task(InpaintRecipe, DescendOptions)
def inpaint(
    classifier: Classifier,
    images: Images,
    mask: Images,
    labels: Labels | None = None,
    recipe: InpaintRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Fill in a region:   argmin over x' of w · cross-entropy(x', label) + λ mean((x - x')² (1 - mask)) + s Copied(x').

    The papers have the first two terms. The class alone paints a patch of saturated colors, whatever is around it.
    `Copied` features of early layers continue what the visible pixels show, from coarse to fine.

    Args:
        classifier: preferably a robust one.
        images: tensors, arrays, PIL images or paths, of one size; what is under the mask does not matter.
        mask: `(N, 1, H, W)` or `(1, 1, H, W)`, 1 where pixels are missing; see `box_mask` and `patch_mask`.
        labels: the class of each image; what the classifier sees in the filled image if not given.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of the variety.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Raises:
        InputError: a mask of another size than the images, or one that hides nothing or everything; a network whose
            layers are too coarse for the surroundings, or images for which they are too fine, or a mask that leaves too
            little of them.
    """
    recipe = checked(recipe, InpaintRecipe).at(classifier.size)
    images = check_images(images).to(classifier.device)
    mask = check_mask(mask, images).to(classifier.device)
    start = corrupt(images, mask) if recipe.fill == "mean" else membrane(images, mask)
    start = varied(start, mask, recipe.variety, seed)
    soft = mask * blurred(mask, recipe.feather)  # visible pixels stay
    label = classifier.labels(classifier.predict(start) if labels is None else labels, len(start))
    objective = recipe.label_weight * CrossEntropy(label, recipe.straight_through)
    if not recipe.composite:
        objective = objective + recipe.weight * Outside(mask, start)

    def around(eps: float) -> Ball:
        ball = L2(eps) if math.isfinite(recipe.eps) else Unbounded()
        return Inside(ball, soft) if recipe.composite else ball

    passed: dict[str, Any] = {"step_size": recipe.step_size, "seed": seed, **options}
    if recipe.surroundings:
        made = _from_coarse_to_fine(classifier, objective, start, mask, around, recipe, callback, passed)
    else:
        ball, blur = around(recipe.eps), Smoothed(recipe.sigmas)
        made = descend(
            classifier, objective, start, ball=ball, steps=recipe.steps, optimizer=blur, callback=callback, **passed
        )
    return made.about(label=label)


def _from_coarse_to_fine(
    classifier: Classifier,
    objective: Objective,
    start: Tensor,
    mask: Tensor,
    around: Callable[[float], Ball],
    recipe: InpaintRecipe,
    callback: Callback | None,
    passed: dict[str, Any],
) -> Descent:
    """Descents in turn, each on the objective and on features that are copied from where the last one looks alike.

    The search goes from the coarsest layer to the finest, twice in each: the second finds what the first has begun.
    """
    levels = pyramid(classifier, start)
    searched = [level for level in reversed(levels) if min(start.shape[2:]) // level.stride <= FINEST]
    if not searched:
        raise InputError(f"images of {start.shape[3]} x {start.shape[2]} px are too large to search for what surrounds "
                         "the hole; give smaller ones, or say --surroundings 0")  # fmt: skip
    rounds = [level for level in searched for _ in range(2)]
    steps, blur = math.ceil(recipe.steps / len(rounds)), Smoothed(recipe.sigmas)
    reach = recipe.step_size * sum(cosine(step / steps) for step in range(steps))
    descents: list[Descent] = []
    for turn, level in enumerate(rounds):
        current = descents[-1].images if descents else start
        copied = continued(classifier, current, mask, level, levels[:3])
        sigmas = (blur.sigma(turn / len(rounds)), blur.sigma((turn + 1) / len(rounds)))
        descents.append(
            descend(
                classifier,
                objective + recipe.surroundings * copied,
                current,
                center=start,
                ball=around(min(recipe.eps, (turn + 1) * reach)),  # no farther than all steps until then can lead
                steps=steps,
                schedule=cosine,
                optimizer=Smoothed(sigmas),
                callback=after(turn, len(rounds), callback),
                **passed,
            )
        )
    return in_turn(descents)


def corrupt(images: Tensor, mask: Tensor) -> Tensor:
    """The images with each channel's mean where the mask is 1 (appendix A.8): the mean over what the mask leaves."""
    known = 1 - mask
    mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    return images * (1 - mask) + mean * mask
