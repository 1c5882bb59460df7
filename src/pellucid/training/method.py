"""Methods of robust training: from a batch to the losses that are lowered, one after the other.

A method is a generator: the training loop lowers each loss it yields before the method goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.devices import Precision
from ..core.batch import draw, generators
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.objective import CrossEntropy, Objective
from ..core.reading import Activations, Reader
from .recipe import Attack, TrainRecipe

Losses = Iterator[tuple[Tensor, Tensor]]
"""Pairs of a loss, and logits `(N, K)` to judge the accuracy by."""


@dataclass
class Learner:
    """The network in training, and what a method needs to train it."""

    classifier: Classifier
    forward: Callable[[Tensor], Tensor]
    """Images to logits in training mode, with gradients to the weights."""
    recipe: TrainRecipe
    precision: Precision = "float32"
    offset: Tensor | None = field(default=None, repr=False)
    """The perturbation that free training carries from batch to batch."""

    @cached_property
    def reader(self) -> Reader:
        """The frozen twin that all attacks of a run read: it shares the weights and statistics in training."""
        return self.classifier.reader()

    def perturb(self, objective: Objective, images: Tensor, context: StepContext) -> Tensor:
        """The worst images in the balls around some; see `perturb`."""
        return perturb(self.classifier, objective, images, context, self.precision, self.reader)


@dataclass(frozen=True)
class StepContext:
    """Per-step context: attack, seed, index of the first image (in the batch of all processes)."""

    attack: Attack
    seed: int = 0
    first: int = 0


@dataclass(frozen=True)
class Divergence(Objective):
    """KL(p ‖ softmax(logits)) from given probabilities `p`, `(N, K)`: what the attack of TRADES raises."""

    probabilities: Tensor

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return F.kl_div(activations.logits.log_softmax(1), self.probabilities, reduction="none").sum(1)


def pgd(learner: Learner, images: Tensor, labels: Tensor, context: StepContext) -> Losses:
    """Cross-entropy at the worst images of the balls: min E max cross-entropy(x', y) (Madry et al. 2018)."""
    if context.attack.eps:
        images = learner.perturb(-CrossEntropy(labels), images, context)
    logits = learner.forward(images)
    yield F.cross_entropy(logits, labels), logits


def trades(learner: Learner, images: Tensor, labels: Tensor, context: StepContext) -> Losses:
    """Cross-entropy plus β max KL(p(x) ‖ p(x')): accuracy, and a prediction that stays (Zhang et al. 2019, eq. 5).

    Images and their worst neighbors go through the network as one batch, so that batch norms see both together; the
    reference makes two passes with statistics of their own.
    """
    with torch.no_grad():
        classifier = learner.classifier.eval()
        probabilities = classifier.network(classifier.normalized(images)).float().softmax(1)
    worst = learner.perturb(-Divergence(probabilities), images, context)
    clean_logits, worst_logits = learner.forward(torch.cat([images, worst])).chunk(2)
    divergence = F.kl_div(worst_logits.log_softmax(1), clean_logits.softmax(1), reduction="batchmean")
    yield F.cross_entropy(clean_logits, labels) + learner.recipe.beta * divergence, worst_logits


def free(learner: Learner, images: Tensor, labels: Tensor, context: StepContext) -> Losses:
    """Each backward pass moves the weights and the images at once, several times a batch (Shafahi et al. 2019).

    The perturbation of a batch is the start of the next one's, as in the paper; here each epoch starts from zero, so
    that it depends on the weights alone.
    """
    if not context.attack.eps:  # eps is still warming up
        yield from pgd(learner, images, labels, context)
        return
    ball = context.attack.ball
    offset = torch.zeros_like(images) if learner.offset is None else learner.offset
    for _ in range(learner.recipe.replays):
        moved = ball.project(images + offset, images).requires_grad_()
        logits = learner.forward(moved)
        yield F.cross_entropy(logits, labels), logits
        assert moved.grad is not None  # the loop has lowered the loss
        offset = ball.project(moved.detach() + ball.step(-moved.grad, context.attack.length), images) - images
    learner.offset = offset


def noise(learner: Learner, images: Tensor, labels: Tensor, context: StepContext) -> Losses:
    """Cross-entropy under Gaussian noise: min E cross-entropy(x + σ z, y), z ~ N(0, I) (Cohen et al. 2019).

    One pass an image, no attack. The noisy images are not clipped to [0, 1], as those of randomized smoothing are not.
    """
    drawn = draw(torch.randn, images, generators(context.seed, len(images), context.first))
    logits = learner.forward(images + learner.recipe.sigma * drawn)
    yield F.cross_entropy(logits, labels), logits


METHODS: dict[str, Callable[[Learner, Tensor, Tensor, StepContext], Losses]] = {
    "pgd": pgd,
    "trades": trades,
    "free": free,
    "noise": noise,
}


def perturb(
    classifier: Classifier, objective: Objective, images: Tensor, context: StepContext,
    precision: Precision = "float32", reader: Reader | None = None,
) -> Tensor:  # fmt: skip
    """The images of lowest `objective` in the ball around each, as PGD finds them: `(N, C, H, W)` to `(N, C, H, W)`.

    >>> from pellucid import load
    >>> images, labels = torch.rand(2, 3, 32, 32), torch.tensor([3, 5])
    >>> worst = perturb(load("cifar10-l2-0.5", "cpu"), -CrossEntropy(labels), images, StepContext(Attack(eps=0.5)))
    >>> bool(((worst - images).flatten(1).norm(dim=1) <= 0.5 + 1e-5).all())
    True
    """
    attack, start = context.attack, images
    if attack.random_start:
        start = attack.ball.random(images, generators(context.seed, len(images), context.first))
    return descend(
        classifier,
        objective,
        start,
        ball=attack.ball,
        center=images,
        steps=attack.steps,
        step_size=attack.length,
        precision=precision,
        batch_size=len(images),
        reader=reader,
    ).images
