"""Accuracy estimates for monitoring only; no model selection."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.devices import Precision
from ..core.classifier import Classifier
from ..core.objective import CrossEntropy
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from ..data.image import cover
from .method import StepContext, perturb
from .recipe import Attack

AT_MOST, ATTACKED, VALUES = 2000, 256, 2**26  # images; those that are also attacked; pixel values: 256 MiB


@dataclass(frozen=True)
class Probe:
    """Images of all classes, in mixed order: so the first of them, which are attacked, are of all classes, too."""

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, split: LabeledImages, size: tuple[int, int], device: torch.device, at_most: int = AT_MOST) -> Probe:
        """As many as `at_most` images at this size."""
        count = min(len(split), at_most, max(ATTACKED, VALUES // (3 * size[0] * size[1])))
        index = drawn(split.labels, count, seed=0)
        index = index[torch.randperm(count, generator=torch.Generator().manual_seed(0))]
        images, labels = split.batch(index)
        return cls(cover(images, size).to(device), labels.to(device))

    def accuracies(self, classifier: Classifier, attack: Attack, precision: Precision) -> dict[str, float]:
        """The share classified rightly, and if there is an attack, the share of some that is under ten steps of it."""
        if not len(self.labels):
            return {}
        measured = {"test_accuracy": self._right(classifier, self.images, precision)}
        if attack.eps:
            worst = self.worst(classifier, Attack(attack.eps, attack.norm, steps=10), precision, ATTACKED)
            measured["test_accuracy_pgd10"] = self._right(classifier, worst, precision)
        return measured

    def worst(self, classifier: Classifier, attack: Attack, precision: Precision, count: int) -> Tensor:
        """The worst images in the balls around the first ones; these themselves without an attack."""
        images, labels = self.images[:count], self.labels[:count]
        if not attack.eps:
            return images
        return perturb(classifier, -CrossEntropy(labels), images, StepContext(attack), precision)

    def _right(self, classifier: Classifier, images: Tensor, precision: Precision) -> float:
        autocast = torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.no_grad(), autocast:
            guesses = torch.cat([classifier.logits(part).argmax(1) for part in images.split(250)])
        return round(float((guesses == self.labels[: len(guesses)]).float().mean()), 4)
