"""Checkerboards as a number: how far the spectrum of a picture stands out at the frequencies of a network's strides."""

from __future__ import annotations

import torch
from torch import Tensor

STRIDES = (2, 4, 8, 16)
PERIODS, LEAST = 8, 32  # a window is this number of periods of a stride on each side, and at least so many pixels
NEAR, FAR = 2, 3  # frequencies to the neighbors; a Hann window spreads a frequency over the next one only
FLOOR = 1e-6  # shares of energy below count as this


def lattice_excess(images: Tensor, stride: int) -> float | None:
    """How much energy a `(1, 3, H, W)` picture has at the frequencies of a stride, in decibels over their neighbors'.

    The frequencies are i / stride along one axis and j / stride along the other, i and j not 0: a checkerboard or a
    basket weave has energy there, a horizontal or vertical edge has none. First every pixel's neighbors are subtracted
    from it (the discrete Laplacian), which removes what changes slowly. Power spectra of Hann windows that overlap by
    half are divided by their sums, so that every place counts as much, and averaged. Each frequency is compared with
    the ring of frequencies 2 and 3 away. A natural picture gives about 0 or less, because its spectrum is smooth, and
    so does white noise. A picture without room for one window gives None.

    >>> board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 32, 32)
    >>> noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> lattice_excess(board, 2) > 20, lattice_excess(noise, 2) < 3
    (True, True)
    """
    gray = images[0].cpu().double().mean(0)
    sharp = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    side = max(LEAST, PERIODS * stride)
    if min(sharp.shape) < side:
        return None
    hann = torch.hann_window(side, dtype=torch.float64)
    windows = sharp.unfold(0, side, side // 2).unfold(1, side, side // 2).flatten(0, 1)
    power = torch.fft.fft2((windows - windows.mean((1, 2), keepdim=True)) * hann[:, None] * hann).abs().square()
    share = (power / power.sum((1, 2), keepdim=True).clamp_min(1e-12)).mean(0).clamp_min(FLOOR)
    decibels = 10 * share.log10()
    offsets = range(-FAR, FAR + 1)
    ring = [(y, x) for y in offsets for x in offsets if max(abs(y), abs(x)) >= NEAR]
    around = torch.stack([decibels.roll(offset, (0, 1)) for offset in ring]).mean(0)
    every = slice(side // stride, None, side // stride)
    return float((decibels - around)[every, every].mean())


def checkerboard(images: Tensor, content: Tensor) -> dict[int, float | None]:
    """How far a picture's spectrum stands out at each stride's frequencies beyond its content's, in decibels.

    0 is as in the content, or none. Both are `(1, 3, H, W)`. None is a stride for which they are too small.
    """
    return {stride: _beyond(lattice_excess(images, stride), lattice_excess(content, stride)) for stride in STRIDES}


def rounded(scores: dict[int, float | None]) -> dict[str, float | None]:
    """What `checkerboard` gives, as JSON."""
    return {str(stride): None if score is None else round(score, 2) for stride, score in scores.items()}


def _beyond(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else max(ours, 0.0) - max(theirs, 0.0)
