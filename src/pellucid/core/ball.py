"""Balls: the sets that images may move in. Each knows its projection, its steepest step and its random point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from ..base.errors import InputError
from .batch import PerImage, draw, norms, per_image

Norm = Literal["l2", "linf"]


@dataclass(frozen=True)
class Ball(PerImage):
    """The images in [0, 1] at distance at most `eps`, one radius for all or `(N,)`, from a center.

    Raises `InputError` unless every radius is positive.
    """

    eps: float | Tensor = math.inf

    def __post_init__(self) -> None:
        eps = torch.as_tensor(self.eps) if isinstance(self.eps, (Real, Tensor)) else None
        if eps is None or eps.ndim > 1:
            given = type(self.eps).__name__ if eps is None else tuple(eps.shape)
            raise InputError(f"eps must be a number or a torch.Tensor (N,), one for each image, not {given}")
        if not bool((eps > 0).all()):  # also refuses NaN
            raise InputError(f"eps must be positive, not {eps[~(eps > 0)].flatten()[0]:g}")

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        """The images moved into the ball around `center`; both `(N, C, H, W)`."""
        raise NotImplementedError

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        """The change of norm `step_size` that lowers a loss of this `gradient` fastest."""
        raise NotImplementedError

    def allowed(self, gradient: Tensor) -> Tensor:
        """The gradient, 0 where no image of the ball may move."""
        return gradient

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        """A random point of the ball around each image of `center`, each by its own generator, in [0, 1].

        Uniform before it is clipped to [0, 1] and to what the ball leaves free.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class L2(Ball):
    """The Euclidean ball, ‖x - center‖₂ <= eps, summed over all pixels of all channels in [0, 1] units.

    >>> L2(1.0).project(torch.tensor([[0.0, 3.0]]), torch.zeros(1, 2))
    tensor([[0., 1.]])
    """

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        offset = images - center
        # Clipping after scaling stays in the ball, because the center is itself in [0, 1].
        scale = (torch.as_tensor(self.eps, device=images.device) / norms(offset).clamp_min(1e-12)).clamp_max(1)
        return torch.addcmul(center, offset, per_image(scale, images)).clamp_(0, 1)

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        # Scaled to a largest entry of 1 first: the squares of a confident classifier's gradient underflow. An image
        # whose gradient vanishes stays where it is, instead of 0 / 0.
        largest = gradient.abs().amax(tuple(range(1, gradient.ndim)), keepdim=True)
        gradient = gradient / largest.clamp_min(torch.finfo(gradient.dtype).tiny)
        return gradient.mul_(per_image(-step_size / norms(gradient).clamp_min(0.5), gradient))

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        directions = draw(torch.randn, center, generators)
        dimensions = center[0].numel()
        radii = torch.stack([torch.rand((), generator=g) for g in generators]).pow(1 / dimensions).to(center)
        radii = radii * torch.as_tensor(self.eps, device=center.device) / norms(directions)
        return (center + directions * per_image(radii, center)).clamp(0, 1)


@dataclass(frozen=True)
class Linf(Ball):
    """The cube, |x - center| <= eps for every pixel and channel, in [0, 1] units: 8/255, not 8.

    >>> Linf(0.25).step(torch.tensor([[2.0, -0.5]]), 0.1)
    tensor([[-0.1000,  0.1000]])
    """

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        eps = per_image(self.eps, images)
        return images.clamp(center - eps, center + eps).clamp(0, 1)

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        return -gradient.sign() * per_image(step_size, gradient)

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        offset = draw(torch.rand, center, generators) * 2 - 1
        return (center + offset * per_image(self.eps, center)).clamp(0, 1)


@dataclass(frozen=True)
class Unbounded(Ball):
    """All images in [0, 1]. Steps have the Euclidean norm `step_size`, and a random point is uniform noise.

    The reference code steps by the raw gradient here, whose size depends on the network and on the loss; a step of
    known length means the same on every network.
    """

    def project(self, images: Tensor, center: Tensor) -> Tensor:
        return images.clamp(0, 1)

    def step(self, gradient: Tensor, step_size: float | Tensor) -> Tensor:
        return L2().step(gradient, step_size)

    def random(self, center: Tensor, generators: list[torch.Generator]) -> Tensor:
        return draw(torch.rand, center, generators)
