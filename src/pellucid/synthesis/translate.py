"""Translation: an image of one class made to look like another (synthesis paper, section 3.3 and Figure 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import fit
from .toward import PLAIN, SMOOTH, toward

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class TranslateRecipe(Recipe):
    """Settings of `translate`."""

    eps: float = PerPixel(6 / 32)
    """Radius of the L2 ball around the image."""
    steps: int = 60
    """Steps of the descent."""
    step_size: float = PerPixel(0.25 / 32)
    """Length of a step."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""


PRESETS = {
    # Appendix A.6. The notebook takes 200 steps in a ball of 80; with steps of 0.5 the paper's 80 steps end inside it.
    "paper-two-classes": TranslateRecipe(60, 80, 0.5, sigmas=PLAIN),
    "paper-imagenet": TranslateRecipe(60, 80, 1.0, sigmas=PLAIN),
    "notebook-two-classes": TranslateRecipe(80, 200, 0.5, sigmas=PLAIN),
    # Figure 2, appendix A.5: targeted manipulation.
    "paper-figure2-restricted-imagenet": TranslateRecipe(300, 500, 1.0, sigmas=PLAIN),
}


@task(TranslateRecipe, DescendOptions)
def translate(
    classifier: Classifier,
    images: Images,
    labels: Labels | None = None,
    recipe: TranslateRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[DescendOptions],
) -> Descent:
    """Turn images into another class:   argmin over ‖x' - x‖₂ <= eps of cross-entropy(x', label).

    Args:
        classifier: preferably a robust one.
        images: tensors, arrays, PIL images or paths, brought to the classifier's size.
        labels: the class to turn each image into; of two classes, the one it is not, if not given.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.
    """
    recipe = checked(recipe, TranslateRecipe).at(classifier.size)
    start = fit(classifier, images)
    if labels is None:
        if classifier.classes != 2:
            raise InputError(f"say which of the {classifier.classes} classes to translate to")
        labels = 1 - classifier.predict(start)
    return toward(classifier, labels, start, L2(recipe.eps), recipe, seed=seed, callback=callback, **options)
