"""Augmentation as tensor operations on a whole batch, so that no worker processes are needed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def crop_flip(images: Tensor, generator: torch.Generator, padding: int | None = None) -> Tensor:
    """Each image shifted by up to `padding` pixels over a reflected border, and mirrored with probability 1/2.

    Args:
        images: `(N, C, H, W)`, float or uint8.
        generator: on the CPU; three draws an image.
        padding: an eighth of the side if not given: 4 pixels of 32, as in the papers.
    """
    count, _, height, width = images.shape
    padding = height // 8 if padding is None else padding
    draws = torch.rand(3, count, generator=generator).to(images.device)
    top, left = (draws[:2] * (2 * padding + 1)).long()
    padded = F.pad(images.float(), [padding] * 4, mode="reflect").to(images.dtype)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(draws[2, :, None] < 0.5, columns.flip(1), columns)
    batch = torch.arange(count, device=images.device)
    return padded.permute(0, 2, 3, 1)[batch[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
