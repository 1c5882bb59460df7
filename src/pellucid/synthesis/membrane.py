"""The smoothest continuation of an image into a hole."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..core.batch import per_image

STEPS, ENOUGH = 2000, 1e-6  # of conjugate gradients; the largest squared residual that is left


def membrane(images: Tensor, mask: Tensor) -> Tensor:
    """Images whose hole solves Laplace's equation: Δu = 0 where mask = 1, u = x elsewhere, like a soap film.

    Only visible pixels are read. Solved with conjugate gradients, which the symmetric -Δ allows; the image's own border
    reflects.

    Args:
        images: `(N, C, H, W)`.
        mask: `(N, 1, H, W)`, 1 in the hole; each image needs a visible pixel.

    >>> import torch
    >>> ramp = torch.arange(5.0).expand(1, 1, 3, 5) / 4
    >>> hole = torch.zeros(1, 1, 3, 5)
    >>> hole[..., 1:4] = 1
    >>> torch.allclose(membrane(ramp * (1 - hole), hole), ramp, atol=1e-3)
    True
    """
    hole = (mask > 0).to(images)
    seen = 1 - hole
    found = images * seen + hole * (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
    residual = -hole * _rise(found)
    direction, power = residual, residual.square().flatten(1).sum(1)
    for _ in range(STEPS):
        if float(power.max()) < ENOUGH:
            break
        change = hole * _rise(direction)
        length = power / (direction * change).flatten(1).sum(1).clamp_min(1e-30)
        found = found + per_image(length, found) * direction
        residual = residual - per_image(length, found) * change
        before, power = power, residual.square().flatten(1).sum(1)
        direction = residual + per_image(power / before.clamp_min(1e-30), found) * direction
    return found.clamp(0, 1)


def _rise(values: Tensor) -> Tensor:
    """-Δ: each pixel's sum of differences to its four neighbors."""
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    return 4 * values - across - padded[:, :, :-2, 1:-1] - padded[:, :, 2:, 1:-1]
