"""MACO: images whose magnitude spectrum is fixed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError
from .fourier import from_spectrum, spectrum


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
        return spectrum(images).angle()

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The phase to images `(N, C, H, W)` of the given size."""
        self._check(size)
        phase = _phase_of_real(parameter, size[-1])
        return from_spectrum(torch.polar(self.magnitude.to(phase).expand_as(phase), phase), size)

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
    return spectrum(images).abs().mean(0)


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
