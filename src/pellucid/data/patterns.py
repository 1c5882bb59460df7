"""Patterns that a formula draws and that show nothing: other starts than class Gaussians (synthesis paper, 3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .kaleidoscope import pattern

SPOTS = 8


def gradient(size: int, generator: torch.Generator) -> Tensor:
    """`(3, size, size)` in [0, 1]: a color that changes evenly into another, from one corner or side to the opposite.

        x(p) = (1 - t) a + t b,   t = (1 + p·u / ‖u‖₁) / 2   for p in [-1, 1]²

    with a random direction u and random colors a and b.

    >>> gradient(8, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 8, 8])
    """
    y, x = _places(size)
    angle = float(torch.rand((), generator=generator)) * 2 * math.pi
    first, last = torch.rand(2, 3, 1, 1, generator=generator)
    across, down = math.cos(angle), math.sin(angle)
    return torch.lerp(first, last, (1 + (x * across + y * down) / (abs(across) + abs(down))) / 2)


def spots(size: int, generator: torch.Generator) -> Tensor:
    """`(3, size, size)` in [0, 1]: eight discs of random colors, places and sizes over each other, on a plain ground.

    >>> spots(8, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 8, 8])
    """
    y, x = _places(size)
    image = torch.rand(3, 1, 1, generator=generator).expand(3, size, size)
    for _ in range(SPOTS):
        color = torch.rand(3, 1, 1, generator=generator)
        row, column, share = torch.rand(3, generator=generator).tolist()
        distance = ((y - 2 * row + 1).square() + (x - 2 * column + 1).square()).sqrt()
        inside = ((0.15 + 0.45 * share - distance) * size / 2 + 0.5).clamp(0, 1)  # the edge is a pixel wide
        image = torch.lerp(image, color, inside)
    return image


# From a side and an image's own generator to the image.
PATTERNS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "gradient": gradient,
    "spots": spots,
    "kaleidoscope": pattern,
}


def _places(size: int) -> tuple[Tensor, ...]:
    """y and x of every pixel's center, in [-1, 1]."""
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    return torch.meshgrid(line, line, indexing="ij")
