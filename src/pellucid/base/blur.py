"""A Gaussian blur of images or gradients."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import number


def gaussian_blur(values: Tensor, sigma: float) -> Tensor:
    """`(N, C, H, W)` values convolved with a Gaussian of `sigma` pixels, with zeros beyond the border.

    The kernel reaches to 3 sigma and sums to 1. Each channel is blurred along columns, then along rows. As a matrix the
    blur is symmetric and positive definite, up to that cut.

    >>> gaussian_blur(torch.ones(1, 1, 1, 5), 1.0)[0, 0, 0, 2].round(decimals=4)
    tensor(0.3955)
    """
    if not number("sigma, the width of a blur,", sigma, 0):
        return values
    reach = math.ceil(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(values.shape[1], 1, 1, -1)
    values = values.contiguous(memory_format=torch.channels_last)  # several times as fast on a CPU
    values = F.conv2d(values, kernel, padding=(0, reach), groups=values.shape[1])
    return F.conv2d(values, kernel.transpose(2, 3), padding=(reach, 0), groups=values.shape[1])


def blurred(images: Tensor, sigma: float) -> Tensor:
    """`(N, C, H, W)` images under the same Gaussian, as bright at the border as before: beyond it there is nothing.

    >>> blurred(torch.ones(1, 1, 3, 3), 2.0).unique().tolist()
    [1.0]
    """
    return gaussian_blur(images, sigma) / gaussian_blur(torch.ones_like(images), sigma)
