"""Signs that a robust accuracy is not what it seems.

An attack gives an upper bound on robust accuracy, and a bound is only as good as the attack. Most defenses that were
broken later had shown one of these signs (Athalye, Carlini and Wagner 2018, arXiv 1802.00420; Carlini et al. 2019,
arXiv 1902.06705, section 5). Each check is a function from a `Sample` to a message, or None; none of them proves
anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.recipes import checked
from ..base.task import task
from ..core.ball import Ball
from ..core.batch import norms
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.objective import CrossEntropy
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from .accuracy import EvaluateRecipe, EvaluateSettings
from .outcomes import Accuracies
from .pgd import random_points
from .threat import check_split, fooled, radius_names, seen, threat_ball

if TYPE_CHECKING:
    from typing_extensions import Unpack

SAMPLE = 50  # images that are looked at
TINY = 1e-12  # of a gradient's norm: far below it, float32 knows no direction
DRAWS = 10  # random points for each image


@dataclass(frozen=True)
class Sample:
    """A few images of an evaluation, and the attack on them: `images` `(N, C, H, W)` in [0, 1], `labels` `(N,)`."""

    classifier: Classifier
    images: Tensor
    labels: Tensor
    ball: Ball
    steps: int
    step_size: float | None = None

    @cached_property
    def right(self) -> Tensor:
        """Which images are classified rightly, `(N,)` bools."""
        return seen(self.classifier, self.images) == self.labels

    @cached_property
    def no_gradient(self) -> bool:
        """Whether the logits do not depend on the images, as far as autograd knows."""
        with torch.enable_grad():
            return not self.classifier(self.images[:1].clone().requires_grad_()).logits.requires_grad

    @cached_property
    def attacked(self) -> Tensor:
        """The images after all steps of PGD: no image stops early, or is spared because it is seen wrongly."""
        return self.after(self.steps, self.step_size)

    def after(self, steps: int, step_size: float | None) -> Tensor:
        """The images after so many steps."""
        away = -CrossEntropy(self.labels)
        return descend(self.classifier, away, self.images, ball=self.ball, steps=steps, step_size=step_size).images

    def held(self, candidates: Tensor) -> Tensor:
        """Which images are right and are not broken by these candidates, `(N,)` bools."""
        return self.right & ~fooled(self.classifier, candidates, self.images, self.labels, self.ball)


def vanishing_gradients(sample: Sample) -> str | None:
    """Gradients of the cross-entropy that are zero, or too small to have a direction: PGD has nothing to follow."""
    images, labels = sample.images[sample.right], sample.labels[sample.right]
    if not len(images):
        return None
    with torch.enable_grad():
        moved = images.clone().requires_grad_()
        loss = F.cross_entropy(sample.classifier(moved).logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
    share = 1 - float((norms(gradient) >= TINY).float().mean())  # no comparison holds for NaN
    if share <= 0.1:
        return None
    return (
        f"the gradient vanishes for {share:.0%} of the images: PGD cannot attack these; "
        "try --autoattack apgd-t square, whose losses do not saturate"
    )


def not_converged(sample: Sample) -> str | None:
    """Five times the steps come clearly further: PGD was stopped too early to say anything."""
    longer = sample.after(5 * sample.steps, None)
    held, held_longer = sample.held(sample.attacked), sample.held(longer)
    count = len(sample.labels)
    if int(held.sum()) - int(held_longer.sum()) > max(1, 0.02 * count):
        return (
            f"PGD has not converged: of {count} images {int(held.sum())} withstand {sample.steps} steps and "
            f"{int(held_longer.sum())} withstand {5 * sample.steps}; take more --steps"
        )
    still = held & held_longer
    if int(still.sum()) < 0.1 * count:  # the mean of a few hard images says little
        return None
    loss, loss_longer = (_loss(sample, points, still) for points in (sample.attacked, longer))
    if loss_longer <= 1.1 * loss + 0.05:
        return None
    return (
        f"PGD's loss has not converged: {loss:.3g} after {sample.steps} steps, {loss_longer:.3g} after "
        f"{5 * sample.steps}, on images that withstand both; take more --steps"
    )


def better_under_attack(sample: Sample) -> str | None:
    """The attack raises the accuracy: the gradient that it follows does not belong to what the classifier computes."""
    clean = float(sample.right.float().mean())
    attacked = float((seen(sample.classifier, sample.attacked) == sample.labels).float().mean())
    if attacked <= clean:
        return None
    return (
        f"robust accuracy is above clean accuracy, {attacked:.0%} against {clean:.0%}: "
        "the gradient does not point where the loss rises"
    )


def weaker_than_noise(sample: Sample) -> str | None:
    """Random points of the ball break images that the attack does not."""
    held = sample.right
    for draw in range(DRAWS):
        held = held & sample.held(random_points(sample.ball, sample.images, torch.arange(len(held)), draw))
    attacked = sample.held(sample.attacked)
    if int(held.sum()) >= int(attacked.sum()):
        return None
    return (
        f"PGD is weaker than noise: of {len(held)} images {int(attacked.sum())} withstand it and "
        f"{int(held.sum())} withstand {DRAWS} random points of the same ball"
    )


def depends_on_the_batch(sample: Sample) -> str | None:
    """An image alone gets other logits than the same image among others."""
    images = sample.images[:16]
    read = sample.classifier.reader()
    with torch.no_grad():
        together = read(images).logits
        alone = torch.cat([read(image[None]).logits for image in images])
    if _alike(together, alone):
        return None
    return "an image's logits depend on what else is in the batch: use layers whose eval mode does not look at it"


def not_repeatable(sample: Sample) -> str | None:
    """In eval mode the same images get other logits a second time, or the network changes its own buffers."""
    classifier = sample.classifier
    read = classifier.reader()
    before = {name: buffer.clone() for name, buffer in read.twin.named_buffers()}
    with torch.no_grad():
        first, second = read(sample.images).logits, read(sample.images).logits
    if not _alike(first, second):
        return (
            "the same images get other logits the second time: something stays random, or in train mode, after eval(); "
            "an attack has to average over it"
        )
    changed = [f"network.{name}" for name, buffer in read.twin.named_buffers() if not torch.equal(buffer, before[name])]
    if not changed:
        return None
    return f"a pass in eval mode changes the network ({', '.join(changed[:3])}): something stays in train mode"


def rises_with_eps(result: Accuracies) -> str | None:
    """A larger ball holds every attack of a smaller one, so that robust accuracy cannot really rise with it."""
    radii = sorted(result.robust)
    names = radius_names(radii, result.settings.get("norm"))
    for smaller, larger in pairwise(radii):
        for name, share in result.robust[larger].items():
            below = result.robust[smaller][name]
            if (share - below) * result.count > max(1, 0.005 * result.count):
                return (
                    f"robust accuracy rises with eps: {name} leaves {below:.1%} at eps {names[smaller]} "
                    f"and {share:.1%} at eps {names[larger]}; the attack fails at the larger one"
                )
    return None


CHECKS: tuple[Callable[[Sample], str | None], ...] = (
    not_repeatable,
    depends_on_the_batch,
    vanishing_gradients,
    better_under_attack,
    weaker_than_noise,
    not_converged,
)


@task(EvaluateRecipe)
def sanity(
    classifier: Classifier,
    split: LabeledImages,
    recipe: EvaluateRecipe | None = None,
    seed: int = 0,
    *,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[EvaluateSettings],
) -> list[str]:
    """Run all checks of a sample on 50 of the images that `evaluate` measures, at the middle one of the radii.

    It takes about seven times the longest PGD of the recipe, on these images. For a whole result there is also
    `rises_with_eps`.

    Args:
        classifier: what was measured.
        split: labeled images of the classifier's size.
        recipe: that of `evaluate`.
        seed: of the choice of images.
        callback: called with the share of the checks that is done.
        **settings: fields of the recipe, which override it.

    Returns:
        One line for each sign that something is wrong; empty where nothing is.

    >>> from pellucid.evaluation.sanity import sanity
    >>> import pellucid as pl
    >>> step = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Threshold(0.5, 0.0), torch.nn.Linear(3, 2))
    >>> split = pl.Split(torch.full((8, 3, 1, 1), 200, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    >>> with torch.no_grad():
    ...     _ = step[2].weight.fill_(0), step[2].bias.copy_(torch.tensor([1.0, 0.0]))
    >>> sanity(Classifier(step), split, EvaluateRecipe(eps=(0.5,)))[0][:38]
    'the gradient vanishes for 100% of the '
    """
    split = check_split(classifier, split)
    recipe = checked(recipe, EvaluateRecipe)
    index = drawn(split.labels, recipe.count, seed)
    images, labels = split.batch(index[drawn(split.labels[index], SAMPLE, seed)])
    radius = sorted(recipe.eps)[len(recipe.eps) // 2]
    sample = Sample(
        classifier,
        images.to(classifier.device),
        labels.to(classifier.device),
        threat_ball(recipe.norm, radius),
        max(recipe.steps, default=20),
        recipe.step_size,
    )
    if sample.no_gradient:
        return ["the network has no gradient to its images, so PGD cannot attack it; try --autoattack square"]
    found = []
    for number, check in enumerate(CHECKS, start=1):
        found.append(check(sample))
        if callback is not None:
            callback(number / len(CHECKS))
    return [message for message in found if message is not None]


def _loss(sample: Sample, points: Tensor, rows: Tensor) -> float:
    with torch.no_grad():
        return float(F.cross_entropy(sample.classifier(points[rows]).logits, sample.labels[rows]))


def _alike(logits: Tensor, others: Tensor) -> bool:
    """Equal up to 1% of the spread of the logits, which leaves room for the arithmetic of any device.

    A logit may also be infinite, or NaN, both times.
    """
    finite = logits[logits.isfinite()]
    spread = float(finite.max() - finite.min()) if len(finite) else 0.0
    return torch.allclose(logits, others, rtol=0, atol=0.01 * spread + 1e-6, equal_nan=True)
