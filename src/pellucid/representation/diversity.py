"""Diversity: an objective that keeps the images of a group apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import positive_int
from ..core.objective import Objective
from ..core.reading import Activations

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Diversity(Objective):
    """How alike the images of a group are: mean over the others j of   ⟨Gᵢ, Gⱼ⟩ / (‖Gᵢ‖ ‖Gⱼ‖),   between 0 and 1.

    G is the Gram matrix of a layer's channels, A Aᵀ with A the `(C, positions)` activations (Olah, Mordvintsev and
    Schubert 2017). The first `size` images of a descent are a group, the next are another, and no split of the batch
    cuts one. Each image moves away from where the others are: the gradient of its loss leaves them alone. An image
    without others has the loss 0. Added to an objective it makes images that show one feature in different ways:

        -Activation(unit=5) + 0.1 * Diversity(size=4, layer="layer3")
    """

    size: int
    layer: str = "representation"
    group: Tensor | None = None

    def __post_init__(self) -> None:
        positive_int("the size of a group", self.size)

    @property
    def layers(self) -> frozenset[str]:
        return frozenset({self.layer})

    @property
    def group_size(self) -> int:
        return self.size

    def select(self, index: Tensor) -> Self:
        """Where the images of a descent are divided they get the numbers of their groups, which then stay with them."""
        return super().select(index) if self.group is not None else replace(self, group=index // self.size)

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        channels = _positions_last(activations[self.layer])
        grams = F.normalize((channels @ channels.transpose(1, 2)).flatten(1))
        group = torch.arange(len(grams), device=grams.device) // self.size if self.group is None else self.group
        others = (group[:, None] == group) & ~torch.eye(len(group), dtype=torch.bool, device=group.device)
        alike = grams @ grams.detach().T
        return (alike * others).sum(1) / others.sum(1).clamp_min(1)


def _positions_last(values: Tensor) -> Tensor:
    """A layer's activations as `(N, C, positions)`."""
    if values.ndim == 4:
        return values.flatten(2)
    return values.transpose(1, 2) if values.ndim == 3 else values[..., None]
