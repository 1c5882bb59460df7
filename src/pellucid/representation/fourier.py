"""Images by their spectrum: decorrelated in space and color, so that a step moves all scales alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# The square root of the covariance of colors of natural images (ImageNet), as lucid publishes it: the columns turn
# three uncorrelated channels into RGB. Scaled so that its largest column has norm 1.
COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


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

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter that decodes to them."""
        return torch.view_as_real(spectrum(images, self.colors)) / self._scale(images.shape, images.device)

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size."""
        frequencies = torch.view_as_complex((parameter * self._scale(size, parameter.device)).contiguous())
        return from_spectrum(frequencies, size, self.colors)


def _colors(channels: int, wanted: bool, like: Tensor) -> Tensor:
    """From decorrelated channels to RGB; nothing is known of other numbers of channels than three."""
    if not wanted or channels != 3:
        return torch.eye(channels).to(like)
    return (COLORS / torch.linalg.vector_norm(COLORS, dim=0).max()).to(like)


def spectrum(images: Tensor, colors: bool = True) -> Tensor:
    """The complex spectrum `(N, C, H, W // 2 + 1)` of images, without sigmoid and with their colors decorrelated."""
    values = torch.logit(images.clamp(1e-4, 1 - 1e-4))
    unmix = torch.linalg.inv(_colors(values.shape[1], colors, values))
    return torch.fft.rfft2(torch.einsum("dc,nchw->ndhw", unmix, values), norm="ortho")


def from_spectrum(frequencies: Tensor, size: torch.Size, colors: bool = True) -> Tensor:
    """The images in [0, 1] of a complex spectrum."""
    mixed = torch.fft.irfft2(frequencies, s=size[-2:], norm="ortho")
    return torch.einsum("dc,nchw->ndhw", _colors(mixed.shape[1], colors, mixed), mixed).sigmoid()
