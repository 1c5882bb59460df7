"""Checkerboards as a number: the spectral energy of a picture at the frequencies of a network's strides."""

from __future__ import annotations

import math

from torch import Tensor

STRIDES = (2, 4, 8, 16)
PERIODS = 4  # of a stride, on each side of a window


def lattice_energy(images: Tensor, stride: int) -> float | None:
    """The share of the energy of a `(1, 3, H, W)` picture that repeats every `stride` pixels in both directions.

    Within windows of four by four periods, the average over the periods is what repeats; its energy is that of the
    window's Fourier coefficients at multiples of 1/stride. Windows are short so that a pattern counts that is stronger
    here and weaker there. First every pixel's neighbors are subtracted from it (the discrete Laplacian), which
    removes what changes slowly. White noise gives 1/16, whatever the stride. A picture without room for one window
    gives None.

    >>> import torch
    >>> board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 8, 8)
    >>> lattice_energy(board, 2)
    1.0
    """
    gray = images[0].cpu().double().mean(0)
    sharp = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    rows, columns = (side // (PERIODS * stride) for side in sharp.shape)
    if not rows or not columns:
        return None
    cut = sharp[: rows * PERIODS * stride, : columns * PERIODS * stride]
    windows = cut.reshape(rows, PERIODS, stride, columns, PERIODS, stride)
    windows = windows - windows.mean((1, 2, 4, 5), keepdim=True)
    energy = float(windows.square().mean())
    return float(windows.mean((1, 4)).square().mean()) / energy if energy else 0.0


def checkerboard(images: Tensor, content: Tensor) -> dict[int, float | None]:
    """How much more of a picture repeats at each stride than of its content, in decibels.

    0 is as in the content; ten times the share gives 10. Both are `(1, 3, H, W)`; shares below 1e-6 count as 1e-6. None
    is a stride for which they are too small.
    """
    return {n: _decibels(lattice_energy(images, n), lattice_energy(content, n)) for n in STRIDES}


def rounded(scores: dict[int, float | None]) -> dict[str, float | None]:
    """What `checkerboard` gives, as JSON."""
    return {str(stride): None if score is None else round(score, 2) for stride, score in scores.items()}


def _decibels(ours: float | None, theirs: float | None) -> float | None:
    if ours is None or theirs is None:
        return None
    return 10 * math.log10(max(ours, 1e-6) / max(theirs, 1e-6))
