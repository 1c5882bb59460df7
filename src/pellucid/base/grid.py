"""Many images as one, and a descent as an animation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .files import replacing
from .image import to_pil

LEGIBLE = 128  # small images are enlarged to about this side wherever they are only looked at


def magnified(images: Tensor, side: int = LEGIBLE) -> Tensor:
    """Small images enlarged by a whole factor to about `side` pixels; every pixel stays a square of one color."""
    factor = max(1, round(side / max(images.shape[2:])))
    return images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def grid(images: Tensor, columns: int | None = None, gap: int = 2, background: float = 1.0) -> Tensor:
    """`(N, C, H, W)` as one image `(C, ...)`, row by row; about as wide as high unless `columns` says otherwise."""
    columns = min(len(images), columns or (len(images) if len(images) <= 8 else math.ceil(math.sqrt(len(images)))))
    rows = math.ceil(len(images) / columns)
    cells = F.pad(images, (0, gap, 0, gap), value=background)
    missing = rows * columns - len(images)
    cells = torch.cat([cells, torch.full((missing, *cells.shape[1:]), background).to(cells)])
    _, channels, height, width = cells.shape
    sheet = cells.reshape(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return sheet.reshape(channels, rows * height, columns * width)[:, : -gap or None, : -gap or None]


def gif(frames: Sequence[Tensor], seconds: float = 4.0) -> bytes:
    """`(C, H, W)` frames in [0, 1] as a GIF of about this length that rests on its last frame."""
    pictures, file = [to_pil(frame) for frame in frames], BytesIO()
    each = max(20, round(1000 * seconds / len(frames)))
    pictures[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[each] * (len(frames) - 1) + [1500],
        loop=0,
    )
    return file.getvalue()


def write_gif(path: str | Path, frames: Sequence[Tensor], seconds: float = 4.0) -> None:
    """Write what `gif` makes."""
    with replacing(path) as temporary:
        temporary.write_bytes(gif(frames, seconds))
