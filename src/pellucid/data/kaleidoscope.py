"""Random kaleidoscope patterns: structured images that no data set holds (representations paper, Figure 14)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import positive_int
from ..core.batch import generators


def kaleidoscope(count: int, size: int, seed: int = 0) -> Tensor:
    """`(count, 3, size, size)` patterns in [0, 1]: a random colored texture between 3 to 8 pairs of mirrors.

    The paper shows such patterns and does not say how they were made. Here the angle of a pixel is folded into the
    wedge between two mirrors, and its color read there from a texture of random spots of three sizes.

    Args:
        count: how many.
        size: side in pixels.
        seed: pattern number i has its own stream of it.

    >>> patterns = kaleidoscope(2, 32)
    >>> patterns.shape, bool((patterns.flip(2) - patterns).abs().max() < 1e-4)
    (torch.Size([2, 3, 32, 32]), True)
    """
    positive_int("count", count)
    positive_int("size", size)
    return torch.stack([pattern(size, generator) for generator in generators(seed, count)])


def pattern(size: int, generator: torch.Generator) -> Tensor:
    """One such pattern, `(3, size, size)`."""
    mirrors = int(torch.randint(3, 9, (), generator=generator))
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    # Folded about the x axis first, so that the two halves agree to the last bit.
    radius, angle = (x.square() + y.square()).sqrt() / math.sqrt(2), torch.atan2(y.abs(), x)
    wedge = math.pi / mirrors
    angle = (angle % (2 * wedge) - wedge).abs()
    places = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1) * 2 - 1
    texture = torch.zeros(3, 64, 64)
    for spots, weight in ((4, 1.0), (8, 0.6), (16, 0.4)):
        colors = torch.randn(1, 3, spots, spots, generator=generator)
        texture += weight * F.interpolate(colors, 64, mode="bicubic", align_corners=False)[0]
    pattern = F.grid_sample(texture[None], places[None], padding_mode="reflection", align_corners=False)[0]
    return pattern.mul(2).sigmoid()
