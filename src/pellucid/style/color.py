"""Keeping the content's colors (Gatys, Bethge, Hertzmann and Shechtman 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

# RGB to lightness and two differences of color (YIQ, the NTSC's), one row each.
YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def luminance_transfer(images: Tensor, colors: Tensor) -> Tensor:
    """The lightness of `images` with the colors of `colors`, both `(1, 3, H, W)` in [0, 1]; so is the result."""
    matrix = YIQ.to(images)
    ours, theirs = (torch.einsum("dc,nchw->ndhw", matrix, t) for t in (images, colors))
    mixed = torch.cat([ours[:, :1], theirs[:, 1:]], dim=1)
    return torch.einsum("dc,nchw->ndhw", torch.linalg.inv(matrix), mixed).clamp(0, 1)


def linear_transfer(images: Tensor, colors: Tensor) -> Tensor:
    """`images` with the mean and covariance of the colors of `colors`.

        x' = T^½ S^-½ (x - μ_S) + μ_T

    Both are `(1, 3, H, W)` in [0, 1] of any size; so is the result, and what leaves [0, 1] is clamped. Directions of
    color in which `images` hardly vary are left without contrast, not magnified.

    >>> gray = linear_transfer(torch.rand(1, 3, 8, 8), torch.full((1, 3, 4, 4), 0.5))
    >>> bool((gray - 0.5).abs().max() < 1e-3)
    True
    """
    source, target = (t[0].flatten(1).cpu().double() for t in (images, colors))
    ours, theirs = (_root(torch.cov(rows, correction=0), sign) for rows, sign in ((source, -1), (target, 1)))
    moved = theirs @ ours @ (source - source.mean(1, keepdim=True))
    return (moved + target.mean(1, keepdim=True)).reshape(images.shape).to(images).clamp(0, 1)


def _root(matrix: Tensor, sign: int) -> Tensor:
    """The symmetric root of a covariance, or the pseudo-inverse of it."""
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_min(0).sqrt()
    if sign < 0:
        roots = torch.where(values > 1e-6, 1 / roots.clamp_min(1e-6), torch.zeros_like(roots))
    return (vectors * roots) @ vectors.T
