"""The images that a low-resolution image leaves possible, as a ball."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.ball import Ball

ROUNDS = 3  # clamping to [0, 1] moves some means again; three rounds leave less than a gray level of it


@dataclass(frozen=True)
class Consistent(Ball):
    """The points of a ball whose block means are a given small image: {x : D(x) = small}, D the mean of each block.

    To project, add the difference back, x + U(small - D(x)), where U repeats each pixel over its block: the nearest
    such image. Its center should be one itself. Then both conditions hold, because they are convex and the ball pulls
    straight toward the center. Steps keep the block means: the gradient loses its own, g - U(D(g)).

    Args:
        ball: around the center, such as `L2(2.0)`.
        small: `(N, 3, h, w)` in [0, 1]. Where the images' sides are no multiples of h and w, blocks overlap by a pixel,
            and the means agree nearly.

    >>> from pellucid import L2
    >>> Consistent(L2(9.0), torch.full((1, 1, 1, 1), 0.5)).agreeing(torch.tensor([[[[0.0, 0.2], [0.2, 0.4]]]]))
    tensor([[[[0.3000, 0.5000],
              [0.5000, 0.7000]]]])
    """

    eps: float | Tensor = field(init=False)
    ball: Ball
    small: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", self.ball.eps)

    def agreeing(self, images: Tensor) -> Tensor:
        """The images, with the block means of the small ones."""
        for _ in range(ROUNDS):
            images = (images + self._up(self.small.to(images) - self._means(images), images)).clamp(0, 1)
        return images

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        return self.ball.project(self.agreeing(images), center)

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        return self.ball.step(self.allowed(gradient), step_size)

    def allowed(self, gradient: Tensor) -> Tensor:
        gradient = self.ball.allowed(gradient)
        return gradient - self._up(self._means(gradient), gradient)

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        return self.project(self.ball.random(center, generators), center)

    def _means(self, images: Tensor) -> Tensor:
        return F.interpolate(images, size=self.small.shape[2:], mode="area")

    @staticmethod
    def _up(means: Tensor, images: Tensor) -> Tensor:
        return F.interpolate(means, size=images.shape[2:], mode="nearest")
