"""The images that a region leaves possible, as a ball."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..base.checks import check_shape
from ..core.ball import Ball


@dataclass(frozen=True)
class Inside(Ball):
    """The points of a ball that equal its center wherever `mask`, `(N, 1, H, W)` or one row for all images, is 0.

    Steps have their full length within the mask: what may not move takes no share of them. Where the mask is between 0
    and 1, as at a soft edge, a pixel moves less.

    >>> from pellucid import L2
    >>> Inside(L2(1.0), torch.tensor([[0.0, 1.0]])).project(torch.tensor([[0.5, 0.5]]), torch.zeros(1, 2))
    tensor([[0.0000, 0.5000]])
    """

    eps: float | Tensor = field(init=False)
    ball: Ball
    mask: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", self.ball.eps)

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        return self.ball.project(self._inside(images, center), center)

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        return self.ball.step(self.allowed(gradient), step_size)

    def allowed(self, gradient: Tensor) -> Tensor:
        check_shape("Inside: mask", self.mask, gradient)
        return self.ball.allowed(gradient) * self.mask.to(gradient)

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        return self._inside(self.ball.random(center, generators), center)

    def _inside(self, images: Tensor, elsewhere: Tensor) -> Tensor:
        check_shape("Inside: mask", self.mask, images)
        return torch.where(self.mask.to(images.device) > 0, images, elsewhere)
