"""Parametrizations: what a descent moves in place of the images. `Fourier` and `Maco` are in `representation`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Parametrization(Protocol):
    """What moves, and the images that it stands for. Only pixels take steps along the ball; others take Adam's."""

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter `(N, ...)` that decodes to them, as nearly as there is one."""
        ...

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size, in [0, 1]."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The images themselves."""

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        return parameter
