"""The scales of a coarse-to-fine descent, and pictures brought to them."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor


def scales(height: int, width: int, smallest: int) -> list[tuple[int, int]]:
    """Sizes from one whose shorter side is about `smallest` to the last, each sqrt(2) times the one before.

    >>> scales(256, 320, 128)
    [(128, 160), (181, 226), (256, 320)]
    >>> scales(100, 200, 128)
    [(100, 200)]
    """
    count = max(0, math.floor(2 * math.log2(min(height, width) / smallest) + 1e-9))
    factors = [2 ** (-number / 2) for number in range(count, 0, -1)]
    return [*((round(height * factor), round(width * factor)) for factor in factors), (height, width)]


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """`(N, C, H, W)` in [0, 1] at another size: averaged where it shrinks, bicubic where it grows."""
    if tuple(images.shape[2:]) == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def with_shorter_side(images: Tensor, side: int) -> Tensor:
    """`(N, C, H, W)` in [0, 1] with its shorter side of `side` pixels and its aspect kept."""
    height, width = images.shape[2:]
    factor = side / min(height, width)
    return resized(images, (max(1, round(height * factor)), max(1, round(width * factor))))
