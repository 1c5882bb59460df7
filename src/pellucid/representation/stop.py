"""Stop rules on representations: when an image is finished and leaves the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.checks import check_index
from ..core.objective import Distance, StopRule, of_unit
from ..core.reading import Activations


@dataclass(frozen=True)
class OfUnit(StopRule):
    """A rule about a unit of the representation: one int for all images, or `(N,)` ints."""

    unit: Tensor | int

    def check(self, activations: Activations) -> None:
        check_index("the representation has units", self.unit, activations.representation.shape[1])


@dataclass(frozen=True)
class Exceeds(OfUnit):
    """Finished are the images whose unit is larger than every other one (representations paper, section 4.2.1)."""

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        two = activations.representation.topk(2, dim=1)  # the second tells a maximum from a draw of units that are off
        largest = two.indices[:, 0] == torch.as_tensor(self.unit, device=two.indices.device)
        return largest & (two.values[:, 0] > two.values[:, 1])


@dataclass(frozen=True)
class Reaches(OfUnit):
    """Finished are the images whose unit is at least `value`."""

    value: float = 1.0

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return of_unit(activations.representation, self.unit) >= self.value


@dataclass(frozen=True)
class Near(StopRule):
    """Finished are the images whose `Distance` to a target is at most `tolerance`."""

    distance: Distance
    tolerance: float

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return self.distance(images, activations) <= self.tolerance
