"""Random transforms that a descent applies to images before the classifier sees them.

A transform maps `(N, C, H, W)` images and one generator for each image to images of the same size, differentiably.
They keep a standard classifier's visualizations from relying on the exact position of single pixels (Olah,
Mordvintsev and Schubert 2017); a robust classifier does not need them, which is the representations paper's point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

Transform = Callable[[Tensor, list[torch.Generator]], Tensor]


def jitter(pixels: int) -> Transform:
    """Shift each image by up to `pixels` in both directions; borders are reflected.

    >>> jitter(2)(torch.rand(1, 3, 8, 8), [torch.Generator().manual_seed(0)]).shape
    torch.Size([1, 3, 8, 8])
    """
    if pixels < 1:
        raise InputError(f"jitter needs at least 1 pixel, not {pixels}")

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        height, width = images.shape[2:]
        padded = F.pad(images, [pixels] * 4, mode="reflect")
        shifts = torch.stack([torch.randint(2 * pixels + 1, (2,), generator=g) for g in generators]).tolist()
        return torch.stack(
            [
                image[:, top : top + height, left : left + width]
                for image, (top, left) in zip(padded, shifts, strict=True)
            ]
        )

    return apply


def rotate(degrees: Sequence[float]) -> Transform:
    """Turn each image by one of these angles, chosen at random."""
    return _warp([(1.0, angle) for angle in degrees])


def scale(factors: Sequence[float]) -> Transform:
    """Enlarge each image by one of these factors about its center, chosen at random; the size stays."""
    if not all(0 < factor < math.inf for factor in factors):
        raise InputError(f"scale factors must be positive, not {list(factors)}")
    return _warp([(factor, 0.0) for factor in factors])


def _warp(choices: Sequence[tuple[float, float]]) -> Transform:
    if not choices:
        raise InputError("give at least one angle or factor to choose from")
    matrices = torch.tensor(
        [
            [
                [math.cos(math.radians(angle)) / factor, math.sin(math.radians(angle)) / factor, 0.0],
                [-math.sin(math.radians(angle)) / factor, math.cos(math.radians(angle)) / factor, 0.0],
            ]
            for factor, angle in choices
        ]
    )

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        chosen = torch.stack([torch.randint(len(choices), (), generator=g) for g in generators])
        height, width = images.shape[2:]
        # In pixels and not in shares of each side, so that an image which is not square keeps its shape.
        aspect = torch.tensor([[1.0, height / width, 1.0], [width / height, 1.0, 1.0]])
        turn = (matrices[chosen] * aspect).to(images)
        places = F.affine_grid(turn, list(images.shape), align_corners=False)
        return F.grid_sample(images, places, mode="bilinear", padding_mode="reflection", align_corners=False)

    return apply


def standard() -> list[Transform]:
    """The list that lucid publishes as its standard: jitter 8, scale 0.9 to 1.1, rotate up to 10 degrees, jitter 4."""
    scales = [1 + (i - 5) / 50 for i in range(11)]
    return [jitter(8), scale(scales), rotate([*range(-10, 11), 0, 0, 0, 0, 0]), jitter(4)]
