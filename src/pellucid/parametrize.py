"""Parametrizations: what a descent moves when it does not move the pixels themselves.

`decode` turns a parameter `(N, ...)` into images in [0, 1], `encode` finds a parameter for given images. A descent on
pixels steps along the ball's steepest direction unless told otherwise; other parameters take Adam's steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# The square root of the covariance of colors of natural images (ImageNet), as lucid publishes it: the columns turn
# three uncorrelated channels into RGB. Scaled so that its largest column has norm 1.
COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


class Parametrization(Protocol):
    """What moves, and the images that it stands for."""

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter `(N, ...)` that decodes to them, as nearly as there is one."""
        ...

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The images themselves."""

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C, H, W)`, unchanged."""
        return images

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """Unchanged."""
        return parameter


@dataclass(frozen=True)
class Fourier:
    """Spatially and color decorrelated images: images = sigmoid(colors · irfft2(parameter · 1/f)).

    Every frequency is scaled by `1 / f ** decay`, as in natural images, so that steps of one size move all scales
    alike; with `colors` the channels are those of natural images' principal colors (Olah, Mordvintsev and Schubert
    2017, *Feature Visualization*). The parameter is `(N, C, H, W // 2 + 1, 2)`.

    `encode` inverts `decode` exactly for images inside (0, 1).
    """

    decay: float = 1.0
    colors: bool = True

    def _scale(self, size: torch.Size, device: torch.device) -> Tensor:
        height, width = size[-2:]
        fy = torch.fft.fftfreq(height, device=device)[:, None]
        fx = torch.fft.rfftfreq(width, device=device)[None]
        frequency = (fx.square() + fy.square()).sqrt().clamp_min(1 / max(height, width))
        # The same contrast for every size: unit coefficients give pixels of about unit variance.
        return (1 / frequency**self.decay / max(height, width) ** (1 - self.decay))[..., None]

    def _colors(self, like: Tensor) -> Tensor:
        if not self.colors or like.shape[1] != 3:
            return torch.eye(like.shape[1]).to(like)
        return (COLORS / torch.linalg.vector_norm(COLORS, dim=0).max()).to(like)

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter that decodes to them."""
        values = torch.logit(images.clamp(1e-4, 1 - 1e-4))
        mixed = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(self._colors(values)), values)
        spectrum = torch.view_as_real(torch.fft.rfft2(mixed, norm="ortho"))
        return spectrum / self._scale(images.shape, images.device)

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size."""
        spectrum = torch.view_as_complex((parameter * self._scale(size, parameter.device)).contiguous())
        mixed = torch.fft.irfft2(spectrum, s=size[-2:], norm="ortho")
        return torch.einsum("dc,nchw->ndhw", self._colors(mixed), mixed).sigmoid()
