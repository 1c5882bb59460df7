"""Clean accuracy, and accuracy under projected gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..ball import L2, Linf
from ..checks import positive_int
from ..classifier import Classifier
from ..data.dataset import Split
from ..descend import descend
from ..devices import Precision
from ..errors import InputError
from ..objective import CrossEntropy, Misclassified


@dataclass(frozen=True)
class EvaluateRecipe:
    """Settings of `evaluate`."""

    norm: Literal["l2", "linf"] = "l2"
    """Norm of the balls."""
    eps: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Radii in [0, 1] units. Those of the published CIFAR-10 L2 table, without its 2.0."""
    steps: tuple[int, ...] = (20,)
    """Steps of the attacks; each has a step size of 2.5 eps / steps (the reference library's convention)."""
    count: int | None = None
    """Only the first so many images; all if not given."""
    batch_size: int = 500
    """Images at once."""

    def __post_init__(self) -> None:
        if not self.eps or not all(0 < e < math.inf for e in self.eps):
            raise InputError(f"eps must be positive, not {', '.join(map(str, self.eps)) or 'nothing'}")
        for steps in self.steps:
            positive_int("steps", steps)
        positive_int("batch_size", self.batch_size)
        if self.count is not None:
            positive_int("count", self.count)


@dataclass
class Accuracies:
    """The result of an evaluation.

    Attributes:
        count: how many images.
        clean: share classified rightly.
        robust: eps -> steps -> share that is right and stays so under every attack up to these steps.
        settings: what was measured, and how.
    """

    count: int
    clean: float
    robust: dict[float, dict[int, float]] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)

    def margin(self, share: float) -> float:
        """Half the width of the 95% confidence interval of a share (normal approximation)."""
        return 1.96 * math.sqrt(share * (1 - share) / self.count)

    def to_json(self) -> dict:
        """As plain JSON; shares rounded to 4 places."""
        robust = {
            f"{eps:g}": {f"pgd-{steps}": round(share, 4) for steps, share in by_steps.items()}
            for eps, by_steps in self.robust.items()
        }
        return {"images": self.count, "clean": round(self.clean, 4), "robust": robust, **self.settings}


def evaluate(
    classifier: Classifier,
    split: Split,
    recipe: EvaluateRecipe | None = None,
    *,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
) -> Accuracies:
    """Measure accuracy on clean images and under PGD from the image itself (no random start, one restart).

    An attack stops at the first point that the network sees wrongly. Every such success is confirmed by a second pass
    in float32; an image whose success is not confirmed is attacked again in float32, so that a lower `precision`
    saves time without flattering the classifier. Attacks run from few steps to many, and an image that one has
    broken is not attacked again at that eps.

    Args:
        classifier: what to measure.
        split: labeled images of the classifier's size.
        recipe: radii, steps, how many images.
        precision: of the attack; the verdict is always float32.
        callback: called with the share of the work that is done.

    >>> import pellucid as pl
    >>> images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    >>> result = evaluate(pl.load("cifar10-l2-0.5", "cpu"), Split(images, torch.zeros(4, dtype=torch.int64)),
    ...                   EvaluateRecipe(eps=(0.5,), steps=(2,)))
    >>> result.count
    4
    """
    recipe = recipe or EvaluateRecipe()
    count = min(recipe.count or len(split), len(split))
    if not count:
        raise InputError("there are no images to evaluate on")
    if classifier.size and tuple(split.images.shape[2:]) != (classifier.size, classifier.size):
        height, width = split.images.shape[2:]
        raise InputError(f"the images are {width} x {height} and the classifier takes {classifier.size} px")
    if int(split.labels.max()) >= classifier.classes:
        raise InputError(f"labels go up to {int(split.labels.max())}, the classifier has {classifier.classes} classes")
    ball = {"l2": L2, "linf": Linf}[recipe.norm]
    ladder = sorted(set(recipe.steps))
    right = 0
    survivors = {eps: dict.fromkeys(ladder, 0) for eps in recipe.eps}
    for first in range(0, count, recipe.batch_size):
        images, labels = split.batch(slice(first, min(first + recipe.batch_size, count)))
        images, labels = images.to(classifier.device), labels.to(classifier.device)
        clean = _right(classifier, images, labels)
        right += int(clean.sum())
        for eps in recipe.eps:
            left, left_labels = images[clean], labels[clean]
            for steps in ladder:
                held = _withstands(classifier, left, left_labels, ball(eps), steps, precision)
                left, left_labels = left[held], left_labels[held]
                survivors[eps][steps] += len(left)
        if callback is not None:
            callback(min(1.0, (first + recipe.batch_size) / count))
    robust = {eps: {steps: n / count for steps, n in by.items()} for eps, by in survivors.items()}
    settings = {
        **asdict(recipe),
        "count": count,
        "step_size": "2.5 eps / steps",
        "attack_precision": precision,
    }
    return Accuracies(count, right / count, robust, settings)


def _right(classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Which images are classified rightly, in float32."""
    with torch.no_grad():
        return torch.cat([classifier.logits(c) for c in images.split(500)]).argmax(1) == labels


def _withstands(classifier, images: Tensor, labels: Tensor, ball, steps: int, precision: Precision) -> Tensor:
    """Which images are still classified rightly after PGD of so many steps, `(N,)` bools."""
    if not len(images):
        return torch.zeros(0, dtype=torch.bool, device=images.device)

    def attack(x: Tensor, y: Tensor, precision: Precision):
        descent = descend(
            classifier,
            -CrossEntropy(y),
            x,
            ball=ball,
            steps=steps,
            stop=Misclassified(y),
            precision=precision,
        )
        return _right(classifier, descent.images, y), descent.stopped_at < steps

    held, claimed = attack(images, labels, precision)
    doubtful = held & claimed
    if precision != "float32" and bool(doubtful.any()):
        held = held.clone()
        held[doubtful] = attack(images[doubtful], labels[doubtful], "float32")[0]
    return held
