"""Do the adversarial examples of one classifier fool another?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_fields, positive_int
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.pictures import Table
from ..base.recipes import checked
from ..base.task import task
from ..core.ball import Ball, Norm
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.objective import CrossEntropy
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from .classes import warn_of_absent
from .threat import check_radii, check_split, check_step_size, fooled, seen, threat_ball

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class TransferabilityRecipe:
    """Settings of `transferability`."""

    norm: Norm = "l2"
    """Norm of the ball."""
    eps: float = 0.5
    """Its radius, in [0, 1] units: 0.5, 8/255."""
    steps: int = 20
    """Steps of PGD. All are taken: an example that barely fools its own source hardly transfers."""
    step_size: float | None = None
    """Length of a step; 2.5 eps / steps if not given."""
    count: int | None = None
    """So many images, drawn by the seed evenly from all classes; all if not given."""
    batch_size: int = 500
    """Images at once."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_radii(self.norm, [self.eps])
        check_step_size(self.step_size)
        positive_int("steps", self.steps)
        positive_int("batch_size", self.batch_size)
        if self.count is not None:
            positive_int("count", self.count)


@dataclass(repr=False)
class Transferability(Table):
    """How often the adversarial examples of each source fool each target.

    Attributes:
        names: of the M classifiers.
        rates: `(M, M)`, source by target, shares; NaN where no image counts. The diagonal is the attack's own success.
        counts: `(M, M)`, how many images each share is of.
        settings: what was measured, and how.
    """

    names: list[str]
    rates: Tensor
    counts: Tensor
    settings: dict[str, Any] = field(default_factory=dict)

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        rates = zip(self.names, self.rates.tolist(), strict=True)
        return ("made on", *self.names), [(name, *(f"{rate:.1%}" for rate in row)) for name, row in rates]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; shares rounded to 4 places, None where there are none."""
        rates = [[round(rate, 4) if rate == rate else None for rate in row] for row in self.rates.tolist()]
        return {"models": self.names, "rates": rates, "counts": self.counts.tolist(), **self.settings}


class TransferabilitySettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `transferability`."""

    norm: Norm
    eps: float
    steps: int
    step_size: float | None
    count: int | None
    batch_size: int


@task(TransferabilityRecipe)
def transferability(
    classifiers: Mapping[str, Classifier],
    split: LabeledImages,
    recipe: TransferabilityRecipe | None = None,
    *,
    precision: Precision = "float32",
    seed: int = 0,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[TransferabilitySettings],
) -> Transferability:
    """Make adversarial examples on each classifier and try them on every one.

    The rate from source s to target t is the share of images, among those that both classify rightly, whose
    adversarial example made on s is classified wrongly by t. Untargeted and at a fixed radius, as in the literature
    (Papernot, McDaniel and Goodfellow 2016, arXiv 1605.07277; Liu et al. 2017, arXiv 1611.02770, who also leave out
    images that a model has wrong anyway). Whether the example fools its source does not matter; PGD takes all its
    steps from the image itself and the last point counts, verified in float32.

    Args:
        classifiers: by name, at least two, of one input size and of the same classes.
        split: labeled images.
        recipe: ball, steps, how many images.
        precision: of the attack; the verdict is always float32.
        seed: of the choice of `count` images.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: fewer than two classifiers, or classifiers of other sizes or classes than each other or the images.

    >>> import pellucid as pl
    >>> pair = {name: pl.load(name, "cpu") for name in ("cifar10-l2-0.5", "cifar10-standard")}
    >>> split = pl.Split(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 2, 2, 6]))
    >>> transferability(pair, split, TransferabilityRecipe(steps=1)).rates.shape
    torch.Size([2, 2])
    """
    recipe = checked(recipe, TransferabilityRecipe)
    check_alike(classifiers)
    for classifier in classifiers.values():
        split = check_split(classifier, split)
    models, ball = list(classifiers.values()), threat_ball(recipe.norm, recipe.eps)
    index = drawn(split.labels, recipe.count, seed)
    count = len(index)
    warn_of_absent(models[0], split.labels[index])
    wins, counts = torch.zeros(2, len(models), len(models), dtype=torch.int64)
    for first in range(0, count, recipe.batch_size):
        images, labels = split.batch(index[first : first + recipe.batch_size])
        images, labels = images.to(models[0].device), labels.to(models[0].device)
        right = [seen(model, images) == labels for model in models]
        for row, source in enumerate(models):
            made = _examples(source, images, labels, right[row], ball, recipe, precision)
            for column, target in enumerate(models):
                both = right[row] & right[column]
                counts[row, column] += int(both.sum())
                if bool(both.any()):
                    wins[row, column] += int(fooled(target, made[both], images[both], labels[both], ball).sum())
            if callback is not None:
                done = first + (row + 1) / len(models) * min(recipe.batch_size, count - first)
                callback(done / count)
    measured = {**asdict(recipe), "count": count, "step_size": recipe.step_size or "2.5 eps / steps"}
    return Transferability(
        list(classifiers), wins / counts, counts, {**measured, "attack_precision": precision, "seed": seed}
    )


def _examples(source, images: Tensor, labels: Tensor, rows: Tensor, ball: Ball, recipe, precision) -> Tensor:
    """The images with those of `rows` replaced by what PGD makes of them."""
    made = images.clone()
    if bool(rows.any()):
        descent = descend(
            source, -CrossEntropy(labels[rows]), images[rows], ball=ball, steps=recipe.steps,
            step_size=recipe.step_size, precision=precision,
        )  # fmt: skip
        made[rows] = descent.images
    return made


def check_alike(classifiers: Mapping[str, Classifier]) -> None:
    """Raise `InputError` unless these are several classifiers of images of one size into the same classes."""
    if not isinstance(classifiers, Mapping):
        raise InputError(f"give the classifiers by name, as a dict, not as a {type(classifiers).__name__}")
    for classifier in classifiers.values():
        check_classifier(classifier)
    if len(classifiers) < 2:
        raise InputError("transferability is between models; name two or more")
    (first, one), *others = classifiers.items()
    for name, other in others:
        if one.classes != other.classes:
            raise InputError(
                f"{first} has {one.classes} classes and {name} has {other.classes}; take models of the same"
            )
        a, b = one.class_names, other.class_names
        if a and b and a != b and sorted(a) == sorted(b):
            raise InputError(f"{first} and {name} have the same classes in another order; their labels do not agree")
        if one.size and other.size and one.size != other.size:
            raise InputError(
                f"{first} takes {one.size} px and {name} takes {other.size} px; "
                "an example cannot be tried at another size than its own: take models of one size"
            )
