"""Generation: from a seed to an image of a class (synthesis paper, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import Enlargement, enlarge, fit
from .in_turn import after, in_turn
from .start import Start, seeds
from .toward import PLAIN, SMOOTH, toward

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class GenerateRecipe(Recipe):
    """Settings of `generate`."""

    eps: float = PerPixel(8 / 32)
    """Radius of the L2 ball around the seed. The paper's 30 for CIFAR-10 saturates the colors of the bundled pair."""
    steps: int = 40
    """Steps of the descent."""
    step_size: float = PerPixel(0.5 / 32)
    """Length of a step."""
    start: Start = "gaussian"
    """Seeds: draws from class Gaussians, noise, gray, or patterns that show nothing."""
    enlargement: Enlargement = "bicubic"
    """Of draws at a lower resolution. The paper's nearest neighbors leave squares in the result."""
    size: int | None = None
    """Side of the images in pixels, the classifier's if not given. A larger image is made at the classifier's size,
    enlarged, and descended on once more, so that it still shows one object."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""


PRESETS = {
    # Appendix A.7 and generation.ipynb agree; CIFAR-10 seeds are not downsampled (the notebook's GRAIN is 1).
    "paper-cifar10": GenerateRecipe(30, 60, 0.5, enlargement="nearest", sigmas=PLAIN),
    "paper-restricted-imagenet": GenerateRecipe(40, 60, 1.0, enlargement="nearest", sigmas=PLAIN),
    "paper-imagenet": GenerateRecipe(40, 60, 1.0, enlargement="nearest", sigmas=PLAIN),
    "notebook-cifar10": GenerateRecipe(30, 60, 0.5, enlargement="nearest", sigmas=PLAIN),
    "notebook-restricted-imagenet": GenerateRecipe(40, 60, 1.0, enlargement="nearest", sigmas=PLAIN),
    "notebook-imagenet": GenerateRecipe(40, 60, 1.0, enlargement="nearest", sigmas=PLAIN),
}


@task(GenerateRecipe, DescendOptions)
def generate(
    classifier: Classifier,
    labels: Labels,
    recipe: GenerateRecipe | None = None,
    *,
    start: Images | None = None,
    mixture: dict[str, float] | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Images of given classes:   x = argmin over ‖x' - x₀‖₂ <= eps of cross-entropy(x', label),   x₀ ~ Gaussian(label).

    Args:
        classifier: preferably a robust one; a standard one yields noise, which is the paper's point.
        labels: the class of each image, by name or index.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        start: images to begin with instead of seeds.
        mixture: draw seeds from these classes' Gaussians with these weights, whatever the label.
        seed: of the seeds.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`, such as `precision`, `batch_size`.

    Raises:
        InputError: a class that does not exist, a size below the classifier's.

    >>> import pellucid as pl
    >>> cats = generate(pl.load("cifar10-l2-0.5", "cpu"), ["cat"] * 2, GenerateRecipe(steps=2), seed=0)
    >>> cats.images.shape
    torch.Size([2, 3, 32, 32])
    """
    recipe = checked(recipe, GenerateRecipe).at(classifier.size)
    label = classifier.labels(labels)
    if not len(label):
        raise InputError("name at least one class to generate")
    if start is None:
        start = seeds(classifier, label, recipe.start, seed, mixture, recipe.enlargement)
    else:
        start = fit(classifier, start, "start")
    size = recipe.size or start.shape[2]
    if size < start.shape[2]:
        raise InputError(f"size {size} is below the classifier's {start.shape[2]} px; give at least that")
    turns = 2 if size > start.shape[2] else 1
    ball, first = L2(recipe.eps), after(0, turns, callback)
    made = toward(classifier, label, start, ball, recipe, seed=seed, callback=first, **options)
    if turns == 1:
        return made
    # What is enlarged has to change less: detail alone is added to it.
    large, ball, then = enlarge(made.images, size), L2(recipe.eps / 2), after(1, 2, callback)
    finer = toward(classifier, label, large, ball, recipe, seed=seed, callback=then, **options)
    return replace(in_turn([made, finer]), start=enlarge(made.start, size))
