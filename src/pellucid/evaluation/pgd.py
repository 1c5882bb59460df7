"""Projected gradient descent as an attack on accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.devices import Precision
from ..core.ball import Ball
from ..core.batch import generators
from ..core.classifier import Classifier
from ..core.descend import Stop, descend
from ..core.objective import CrossEntropy
from .misclassified import Misclassified
from .threat import fooled


@dataclass(frozen=True)
class PGD:
    """x <- project(x + step_size · ∇ cross-entropy / ‖·‖), `steps` times (Madry et al. 2018, arXiv 1706.06083).

    Attributes:
        steps: how many steps.
        step_size: length of a step in the ball's norm; `2.5 * eps / steps` if not given.
        random_start: begin at a random point of the ball, not at the image.
        restarts: how often to try; all tries but the first begin at random points.
        precision: of the attack. Its verdict is always float32.
        seed: of the random points. Those of an image depend on its number in the data set, not on its batch.
    """

    steps: int
    step_size: float | None = None
    random_start: bool = False
    restarts: int = 1
    precision: Precision = "float32"
    seed: int = 0

    @property
    def name(self) -> str:
        """How results call it."""
        return f"pgd-{self.steps}"

    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor, index: Tensor, ball: Ball) -> Tensor:
        """Which images withstand it, `(N,)` bools.

        Args:
            classifier: what is attacked.
            images: `(N, C, H, W)` in [0, 1], all of them classified rightly.
            labels: `(N,)`, their classes.
            index: `(N,)`, their numbers in the data set.
            ball: where the attack may go.
        """
        held = torch.ones(len(images), dtype=torch.bool, device=images.device)
        for restart in range(self.restarts):
            left = held.nonzero()[:, 0]
            if not len(left):
                break
            start = images[left]
            if restart or self.random_start:
                start = random_points(ball, start, index[left.cpu()], self.seed * 7919 + restart)
            held[left] = ~self._breaks(classifier, images[left], labels[left], start, ball)
        return held

    def _breaks(self, classifier: Classifier, images: Tensor, labels: Tensor, start: Tensor, ball: Ball) -> Tensor:
        """Which images one try fools, stopping at the first point that the network sees wrongly.

        Where float32 does not confirm such a point, the attack goes through all its steps in float32: neither a low
        precision nor the rounding of a fused layer flatters the classifier.
        """

        def attack(rows: Tensor | slice, precision: Precision, stop: Stop | None) -> tuple[Tensor, Tensor]:
            x, y = images[rows], labels[rows]
            descent = descend(
                classifier, -CrossEntropy(y), start[rows], center=x, ball=ball, steps=self.steps,
                step_size=self.step_size, stop=stop, precision=precision,
            )  # fmt: skip
            return fooled(classifier, descent.images, x, y, ball), descent.stopped_at < self.steps

        broken, claimed = attack(slice(None), self.precision, Misclassified(labels))
        doubtful = claimed & ~broken
        if bool(doubtful.any()):
            broken[doubtful], _ = attack(doubtful, "float32", None)
        return broken


def random_points(ball: Ball, images: Tensor, index: Tensor, seed: int) -> Tensor:
    """A random point of the ball around each image, which depends on its number in the data set and on the seed."""
    return ball.random(images, [generators(seed, 1, first=number)[0] for number in index.tolist()])
