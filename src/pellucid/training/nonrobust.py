"""A data set whose labels only non-robust features explain (Ilyas et al. 2019, arXiv 1905.02175, section 3.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import torch
from torch import Tensor

from ..base.checks import check_classifier, positive_int
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.recipes import Recipe, checked
from ..base.task import task
from ..core.ball import Norm
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.objective import CrossEntropy
from ..data.dataset import Dataset, LabeledImages, Split, check_dataset
from ..data.identity import split_digest
from ..data.parts import Parts, Tensors
from ..evaluation.classes import in_order_of
from ..evaluation.threat import check_radii, check_split, check_step_size, threat_ball
from ..zoo.models import fingerprint

if TYPE_CHECKING:
    from typing_extensions import Unpack

PART = 500  # images that are written at once, and at most lost where the work is stopped


@dataclass(frozen=True)
class NonrobustRecipe(Recipe):
    """Settings of `nonrobust_data`."""

    norm: Norm = "l2"
    """Norm of the ball around each image."""
    eps: float = 0.5
    """Its radius in [0, 1] units; the paper's for CIFAR-10."""
    steps: int = 50
    """Steps of PGD toward the target."""
    step_size: float | None = None
    """Length of a step; 2.5 eps / steps if not given."""
    target: Literal["next", "random"] = "next"
    """The class that an image is moved to: the one after its own, so that robust features say the wrong thing, or a
    random one, of which they say nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_radii(self.norm, [self.eps])
        check_step_size(self.step_size)
        positive_int("steps", self.steps)


class NonrobustSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `nonrobust_data`."""

    norm: Norm
    eps: float
    steps: int
    step_size: float | None
    target: Literal["next", "random"]


@task(NonrobustRecipe)
def nonrobust_data(
    classifier: Classifier,
    data: Dataset,
    recipe: NonrobustRecipe | None = None,
    *,
    parts: Path | None = None,
    seed: int = 0,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[NonrobustSettings],
) -> Dataset:
    """The data set with training images that a classifier takes for another class, and that class as their label:

        x' = argmin over x' in B(x) of cross-entropy(x', t),   labeled t.

    To people x' is x, with a wrong label. What a network learns from such images and takes to clean test images is
    what the attack put in: features that are predictive and not robust.

    Args:
        classifier: a standard one, trained on such data; with its classes.
        data: at the classifier's size. Its test images stay as they are.
        recipe: ball, steps, targets.
        parts: a folder for images that are done, so that work that was stopped goes on; not kept if not given.
        seed: of random targets.
        precision: of the attack.
        callback: called with the share of the images that is done.
        **settings: fields of the recipe, which override it.

    Returns:
        The data set with its training images, rounded to 8 bits, in memory.

    Raises:
        InputError: no training images, or images and labels that are not the classifier's.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (3, 3, 32, 32)).byte(), torch.tensor([0, 1, 9]))
    >>> classifier = pl.load("cifar10-standard", "cpu")
    >>> data = pl.Dataset("noise", split, split, classifier.class_names)
    >>> pl.nonrobust_data(classifier, data, pl.NonrobustRecipe(steps=2)).train.labels.tolist()
    [1, 2, 0]
    """
    check_classifier(classifier)
    check_dataset(data)
    recipe = checked(recipe, NonrobustRecipe)
    if not len(data.train):
        raise InputError(f"{data.name} has no training images to make a non-robust data set of")
    data = in_order_of(classifier, data)
    check_split(classifier, data.train)
    split = data.train.subset(torch.arange(len(data.train)), targets(data, recipe, seed))
    normalization = [classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()]
    facts = [asdict(recipe), precision, split_digest(split), fingerprint(classifier), normalization]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    store, pieces = Parts(parts), []
    for first in range(0, len(split), PART):
        part = slice(first, first + PART)

        def make(part: slice = part) -> Tensors:
            return {"images": _moved(classifier, split, part, recipe, precision)}

        pieces.append(store.get(f"{digest}-{first:08d}", make)["images"])
        if callback is not None:
            callback(min(first + PART, len(split)) / len(split))
    return replace(data, name=f"{data.name}-nonrobust", train=Split(torch.cat(pieces), split.labels))


def targets(data: Dataset, recipe: NonrobustRecipe, seed: int) -> Tensor:
    """The class that each training image is moved to, `(N,)`."""
    labels, classes = data.train.labels.cpu(), len(data.class_names)
    if recipe.target == "next":
        return (labels + 1) % classes
    return torch.randint(classes, (len(labels),), generator=torch.Generator().manual_seed(seed))


def _moved(classifier: Classifier, split: LabeledImages, part: slice, recipe: NonrobustRecipe, precision) -> Tensor:
    """Some of the images, moved to their labels: `(n, 3, H, W)` uint8."""
    images, labels = split.batch(part)
    made = descend(
        classifier, CrossEntropy(labels), images, ball=threat_ball(recipe.norm, recipe.eps), steps=recipe.steps,
        step_size=recipe.step_size, precision=precision,
    )  # fmt: skip
    return (made.images.cpu() * 255).round().byte()
