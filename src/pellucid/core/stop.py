"""Stop rules: when an image is finished and leaves the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.checks import check_index
from .batch import PerImage
from .classifier import Activations
from .objective import Distance


@dataclass(frozen=True)
class StopRule(PerImage):
    """When an image is finished. A subclass is a frozen dataclass with `__call__`."""

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        """Which images are finished: `(N, C, H, W)` images in [0, 1] to `(N,)` bools."""
        raise NotImplementedError

    def check(self, activations: Activations) -> None:
        """Raise `InputError` for a class or a unit that does not exist; done once a descent."""


@dataclass(frozen=True)
class Misclassified(StopRule):
    """Finished are the images that the classifier does not see as `label`, `(N,)` ints."""

    label: Tensor

    def check(self, activations: Activations) -> None:
        check_index("the classifier has classes", self.label, activations.logits.shape[1])

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return activations.logits.argmax(1) != self.label


@dataclass(frozen=True)
class Exceeds(StopRule):
    """Finished are the images whose unit of the representation is larger than every other one.

    The heuristic of section 4.2.1 of the representations paper. `unit` is one int for all images or `(N,)` ints.
    """

    unit: Tensor | int

    def check(self, activations: Activations) -> None:
        check_index("the representation has units", self.unit, activations.representation.shape[1])

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        values = activations.representation
        two = values.topk(2, dim=1)  # the second tells a maximum from a draw, such as that of units which are all off
        return (two.indices[:, 0] == torch.as_tensor(self.unit, device=values.device)) & (
            two.values[:, 0] > two.values[:, 1]
        )


@dataclass(frozen=True)
class Reaches(StopRule):
    """Finished are the images whose unit of the representation is at least `value`."""

    unit: Tensor | int
    value: float = 1.0

    def check(self, activations: Activations) -> None:
        check_index("the representation has units", self.unit, activations.representation.shape[1])

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        values = activations.representation
        units = torch.as_tensor(self.unit, device=values.device).expand(len(values))
        return values.gather(1, units[:, None])[:, 0] >= self.value


@dataclass(frozen=True)
class Near(StopRule):
    """Finished are the images whose `Distance` to a target is at most `tolerance`."""

    distance: Distance
    tolerance: float

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return self.distance(images, activations) <= self.tolerance
