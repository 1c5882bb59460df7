"""Super-resolution: detail that a class has and a small image lacks (synthesis paper, section 3.4, eq. 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.checks import check_images
from ..base.errors import InputError
from ..base.image import Images
from ..base.recipes import PerPixel, Recipe, checked
from ..base.task import task
from ..core.ball import L2, Ball
from ..core.classifier import Classifier, Labels
from ..core.descend import Callback, DescendOptions
from ..core.descent import Descent
from ..data.image import Enlargement, enlarge, side
from ..data.quality import psnr, ssim
from .consistent import Consistent
from .toward import PLAIN, toward

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class SuperresRecipe(Recipe):
    """Settings of `superres`."""

    eps: float = PerPixel(1.5 / 128)
    """Radius of the L2 ball around the enlarged image."""
    steps: int = 40
    """Steps of the descent."""
    step_size: float = PerPixel(0.1 / 128)
    """Length of a step."""
    start: Enlargement = "bicubic"
    """How the image is enlarged to begin with; the paper takes nearest neighbors and suggests bicubic."""
    straight_through: bool = False
    """The gradient passes the last ReLU as if it were the identity (the notebook's fake_relu)."""
    consistent: bool = True
    """The result keeps the block means of the small image, so that making it small again gives that image back."""
    sigmas: tuple[float, float] = (PerPixel(1 / 128), PerPixel(1 / 128))
    """Width in pixels of the Gaussian that blurs the gradient, at the first step and at the last; the papers: 0 0."""


PAPERS: dict[str, Any] = {"consistent": False, "sigmas": PLAIN}
PRESETS = {
    # Appendix A.9; its columns "# steps" and "step size" are swapped. CIFAR-10 images go to a Restricted ImageNet
    # classifier of 224 px.
    "paper-cifar10": SuperresRecipe(15, 50, 1.0, "nearest", **PAPERS),
    "paper-restricted-imagenet": SuperresRecipe(8, 40, 1.0, "nearest", **PAPERS),
    "notebook-cifar10": SuperresRecipe(15, 50, 1.0, "nearest", **PAPERS),
    "notebook-restricted-imagenet": SuperresRecipe(8, 40, 1.0, "nearest", True, **PAPERS),
}


class SuperresOptions(DescendOptions, total=False):
    """Options of `superres`."""

    start: Enlargement


@task(SuperresRecipe, DescendOptions)
def superres(
    classifier: Classifier,
    images: Images,
    labels: Labels | None = None,
    recipe: SuperresRecipe | None = None,
    *,
    reference: Images | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[SuperresOptions],
) -> Descent:
    """Enlarge images:   argmin over ‖x' - x₀‖₂ <= eps, D(x') = x, of cross-entropy(x', label).

    x₀ is the enlarged image and D takes block means. The papers have no D: their result may contradict its input.

    Args:
        classifier: preferably a robust one; the result has its size.
        images: tensors, arrays, PIL images or paths, square, smaller than the classifier's.
        labels: the class of each image; what the classifier sees in the enlarged image if not given.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        reference: `(N, 3, S, S)`, the images as they should be; PSNR and SSIM of start and result go into `info`.
        seed: of random starts.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`.

    Raises:
        InputError: images that are not square or already as large as the result.
    """
    recipe = checked(recipe, SuperresRecipe).at(classifier.size)
    images, size = check_images(images), side(classifier)
    if images.shape[2] != images.shape[3]:
        raise InputError(f"super-resolution takes square images, not {images.shape[3]} x {images.shape[2]}")
    if images.shape[2] >= size:
        raise InputError(f"the images are {images.shape[2]} px already and the classifier's are {size} px")
    start = enlarge(images, size, recipe.start)
    ball: Ball = L2(recipe.eps)
    if recipe.consistent:
        ball = Consistent(ball, images)
        start = ball.agreeing(start)
    whole = None if reference is None else check_images(reference, "reference")
    if whole is not None and whole.shape != start.shape:
        raise InputError(f"the reference is {tuple(whole.shape)} and the result {tuple(start.shape)}; give one alike")
    labels = classifier.predict(start) if labels is None else labels
    descent = toward(classifier, labels, start, ball, recipe, seed=seed, callback=callback, **dict[str, Any](**options))
    if whole is not None:
        made = {kind: enlarge(images, size, kind) for kind in ("nearest", "bicubic")} | {"result": descent.images}
        for name, result in made.items():
            result = result.to(whole)
            descent.info[name] = {
                "psnr": [round(value, 3) for value in psnr(result, whole).tolist()],
                "ssim": [round(value, 4) for value in ssim(result, whole).tolist()],
            }
    return descent
