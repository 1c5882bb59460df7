"""Patterns that a formula draws and that show nothing: other starts than class Gaussians (synthesis paper, 3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..core.batch import generators
from .kaleidoscope import kaleidoscope

SPOTS = 8


def gradient(count: int, size: int, seed: int = 0) -> Tensor:
    """`(count, 3, size, size)` in [0, 1]: colors that change evenly from one corner or side to the opposite one.

        x(p) = (1 - t) a + t b,   t = (1 + p·u / ‖u‖₁) / 2   for p in [-1, 1]²

    with a random direction u and random colors a and b. Image number i has its own stream of the seed.

    >>> gradient(2, 8).shape
    torch.Size([2, 3, 8, 8])
    """
    return torch.stack([_gradient(size, generator) for generator in generators(seed, count)])


def spots(count: int, size: int, seed: int = 0) -> Tensor:
    """`(count, 3, size, size)` in [0, 1]: eight discs of random colors, places and sizes over each other, on a ground
    of another. Image number i has its own stream of the seed.

    >>> spots(2, 8).shape
    torch.Size([2, 3, 8, 8])
    """
    return torch.stack([_spots(size, generator) for generator in generators(seed, count)])


# From a number of images, their side and a seed to images.
PATTERNS: dict[str, Callable[[int, int, int], Tensor]] = {
    "gradient": gradient,
    "spots": spots,
    "kaleidoscope": kaleidoscope,
}


def _places(size: int) -> tuple[Tensor, ...]:
    """y and x of every pixel's center, in [-1, 1]."""
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    return torch.meshgrid(line, line, indexing="ij")


def _gradient(size: int, generator: torch.Generator) -> Tensor:
    y, x = _places(size)
    angle = float(torch.rand((), generator=generator)) * 2 * math.pi
    first, last = torch.rand(2, 3, 1, 1, generator=generator)
    across, down = math.cos(angle), math.sin(angle)
    return torch.lerp(first, last, (1 + (x * across + y * down) / (abs(across) + abs(down))) / 2)


def _spots(size: int, generator: torch.Generator) -> Tensor:
    y, x = _places(size)
    image = torch.rand(3, 1, 1, generator=generator).expand(3, size, size)
    for _ in range(SPOTS):
        color = torch.rand(3, 1, 1, generator=generator)
        row, column, share = torch.rand(3, generator=generator).tolist()
        distance = ((y - 2 * row + 1).square() + (x - 2 * column + 1).square()).sqrt()
        inside = ((0.15 + 0.45 * share - distance) * size / 2 + 0.5).clamp(0, 1)  # the edge is a pixel wide
        image = torch.lerp(image, color, inside)
    return image
