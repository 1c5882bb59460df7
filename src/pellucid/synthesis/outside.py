"""The penalty on what changes outside a region."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base.checks import check_shape
from ..core.objective import Objective
from ..core.reading import Activations


@dataclass(frozen=True)
class Outside(Objective):
    """mean((x - original)² · (1 - mask)): what changed outside the mask.

    `mask` is `(N, 1, H, W)`, or one row for all images, 1 where change is free. The papers write a norm (eq. 3 and 5);
    their code, and so their published weights, use this mean of squares over all pixels and channels.
    """

    mask: Tensor
    original: Tensor

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        check_shape("Outside: mask", self.mask, images)
        check_shape("Outside: original", self.original, images)
        return ((images - self.original).square() * (1 - self.mask)).flatten(1).mean(1)
