"""Parametrizations: what a descent moves when it does not move the pixels themselves.

`decode` turns a parameter `(N, ...)` into images in [0, 1], `encode` finds a parameter for given images. A descent on
pixels steps along the ball's steepest direction; other parameters take Adam's steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

# The square root of the covariance of colors of natural images (ImageNet), as lucid publishes it: the columns turn
# three uncorrelated channels into RGB. Scaled so that its largest column has norm 1.
COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


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


@dataclass
class Adam:
    """Adam's steps (Kingma and Ba 2015), per element and so per image; its moments leave the batch with the images."""

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    moments: tuple[Tensor, Tensor] | None = field(default=None, init=False)
    count: int = field(default=0, init=False)

    def step(self, gradient: Tensor, step_size: float) -> Tensor:
        """The change of the parameter for this gradient."""
        first, second = self.moments or (torch.zeros_like(gradient), torch.zeros_like(gradient))
        b1, b2 = self.betas
        self.count += 1
        first = b1 * first + (1 - b1) * gradient
        second = b2 * second + (1 - b2) * gradient.square()
        self.moments = (first, second)
        mean, power = first / (1 - b1**self.count), second / (1 - b2**self.count)
        return -step_size * mean / (power.sqrt() + self.epsilon)

    def select(self, index: Tensor) -> None:
        """Keep only the images at `index`."""
        if self.moments is not None:
            self.moments = (self.moments[0][index], self.moments[1][index])
