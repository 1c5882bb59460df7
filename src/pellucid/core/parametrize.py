"""Parametrizations: what a descent moves when it does not move the pixels themselves.

`decode` turns a parameter `(N, ...)` into images in [0, 1], `encode` finds a parameter for given images. A descent on
pixels steps along the ball's steepest direction unless told otherwise; other parameters take Adam's steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..base.errors import InputError

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

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter that decodes to them."""
        spectrum = torch.view_as_real(_spectrum(images, self.colors))
        return spectrum / self._scale(images.shape, images.device)

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size."""
        spectrum = torch.view_as_complex((parameter * self._scale(size, parameter.device)).contiguous())
        return _images(spectrum, size, self.colors)


@dataclass(frozen=True)
class Maco:
    """Images whose magnitude spectrum is fixed, so that only their phase moves (Fel et al. 2023, *Unlocking Feature
    Visualization for Deeper Networks with MAgnitude Constrained Optimization*):

        images = sigmoid(colors · irfft2(magnitude · exp(i · phase)))

    The parameter is the phase, `(N, C, H, W // 2 + 1)`; `encode` takes that of given images. The magnitude is one for
    all images, `(C, H, W // 2 + 1)`, as `magnitude_spectrum` reads it off natural images. It is kept exactly: a real
    image's spectrum has a mirror image of each frequency, with the opposite phase, and where a frequency is its own
    mirror image the phase can only be 0 or π.

    Raises:
        InputError: a magnitude that is not `(C, H, W // 2 + 1)`, finite and at least 0; images of another size.

    >>> photos = torch.rand(5, 3, 8, 8)
    >>> maco = Maco(magnitude_spectrum(photos))
    >>> maco.decode(maco.encode(photos[:2]), photos[:2].shape).shape
    torch.Size([2, 3, 8, 8])
    """

    magnitude: Tensor

    def __post_init__(self) -> None:
        magnitude = self.magnitude
        if magnitude.ndim != 3 or not bool(magnitude.isfinite().all() & (magnitude >= 0).all()):
            raise InputError(
                f"a magnitude spectrum is (C, H, W // 2 + 1), finite and at least 0, not {tuple(magnitude.shape)}; "
                "take magnitude_spectrum(images)"
            )

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to their phase, `(N, C, H, W // 2 + 1)` in [-π, π]."""
        self._check(images.shape)
        return _spectrum(images).angle()

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The phase to images `(N, C, H, W)` of the given size."""
        self._check(size)
        phase = _phase_of_real(parameter, size[-1])
        return _images(torch.polar(self.magnitude.to(phase).expand_as(phase), phase), size)

    def _check(self, size: torch.Size) -> None:
        channels, height, width = size[-3:]
        if self.magnitude.shape != (channels, height, width // 2 + 1):
            raise InputError(
                f"a magnitude spectrum of {tuple(self.magnitude.shape)} is not that of {channels} x {height} x {width} "
                "images; take magnitude_spectrum of images of that size"
            )


def magnitude_spectrum(images: Tensor) -> Tensor:
    """The mean magnitude spectrum of `(N, C, H, W)` images in [0, 1], `(C, H, W // 2 + 1)`.

    It is that of decorrelated colors before the sigmoid, which is what `Maco` fixes:

        mean over images of | rfft2(colors⁻¹ · logit(image)) |
    """
    return _spectrum(images).abs().mean(0)


def _colors(channels: int, wanted: bool, like: Tensor) -> Tensor:
    """From decorrelated channels to RGB; nothing is known of other numbers of channels than three."""
    if not wanted or channels != 3:
        return torch.eye(channels).to(like)
    return (COLORS / torch.linalg.vector_norm(COLORS, dim=0).max()).to(like)


def _spectrum(images: Tensor, colors: bool = True) -> Tensor:
    """The complex spectrum `(N, C, H, W // 2 + 1)` of images, without sigmoid and with their colors decorrelated."""
    values = torch.logit(images.clamp(1e-4, 1 - 1e-4))
    unmix = torch.linalg.inv(_colors(values.shape[1], colors, values))
    return torch.fft.rfft2(torch.einsum("dc,nchw->ndhw", unmix, values), norm="ortho")


def _images(spectrum: Tensor, size: torch.Size, colors: bool = True) -> Tensor:
    """The images in [0, 1] of a complex spectrum."""
    mixed = torch.fft.irfft2(spectrum, s=size[-2:], norm="ortho")
    return torch.einsum("dc,nchw->ndhw", _colors(mixed.shape[1], colors, mixed), mixed).sigmoid()


def _phase_of_real(phase: Tensor, width: int) -> Tensor:
    """The phase of a real image: in the columns that mirror themselves it is odd, and 0 or π where f is -f.

    Without this the inverse transform would average a frequency with its mirror image, and so change its magnitude.
    """
    height = phase.shape[-2]
    row = torch.arange(height, device=phase.device)
    mirror = -row % height
    columns = list(phase.unbind(-1))
    for number in {0} if width % 2 else {0, len(columns) - 1}:
        column = columns[number]
        odd = torch.where(row < mirror, column, -column[..., mirror])
        nearest = (column / math.pi).detach().round() * math.pi
        columns[number] = torch.where(row == mirror, nearest, odd)
    return torch.stack(columns, -1)
