"""A figure of images: labeled rows, with a caption above each image where there is something to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..base.errors import InputError
from ..data.image import to_pil
from .grid import LEGIBLE, magnified

GAP, LINE = 4, 16  # pixels between images; height of a line of text


@dataclass(frozen=True)
class Row:
    """One row of a sheet.

    Attributes:
        label: stands at the left.
        images: `(N, 3, H, W)` in [0, 1].
        captions: one for each image, or none.
    """

    label: str
    images: Tensor
    captions: Sequence[str] = ()


def sheet(rows: Sequence[Row], side: int = LEGIBLE) -> Tensor:
    """Rows of images as one image `(3, ...)` on white, for looking at.

    Small images are enlarged by a whole factor to about `side` pixels. A caption that does not fit loses its middle.

    >>> sheet([Row("start", torch.zeros(2, 3, 64, 64)), Row("result", torch.ones(2, 3, 64, 64), ["cat", "dog"])]).ndim
    3
    """
    for row in rows:
        if row.captions and len(row.captions) != len(row.images):
            raise InputError(f"{len(row.captions)} captions for {len(row.images)} images in row {row.label!r}")
    cells = [magnified(row.images.detach().cpu(), side) for row in rows]
    margin = max((round(_font().getlength(row.label)) + 2 * GAP for row in rows if row.label), default=0)
    width = margin + max(sum(image.shape[2] + GAP for image in images) for images in cells) - GAP
    height = (
        sum(images.shape[2] + GAP + LINE * bool(row.captions) for row, images in zip(rows, cells, strict=True)) - GAP
    )
    page = Image.new("RGB", (width, height), "white")
    pen, top = ImageDraw.Draw(page), 0
    for row, images in zip(rows, cells, strict=True):
        if row.captions:
            for column, caption in enumerate(row.captions):
                left = margin + column * (images.shape[3] + GAP)
                pen.text((left, top), _shortened(caption, images.shape[3]), fill="black", font=_font())
            top += LINE
        pen.text((0, top + images.shape[2] // 2 - LINE // 2), row.label, fill="black", font=_font())
        for column, image in enumerate(images):
            page.paste(to_pil(image), (margin + column * (images.shape[3] + GAP), top))
        top += images.shape[2] + GAP
    return torch.from_numpy(np.array(page)).permute(2, 0, 1).float() / 255


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)


def _shortened(text: str, width: int) -> str:
    """A text without as much of its middle as does not fit: sums often begin alike, and differ at their ends.

    >>> _shortened("2 * stage3:5 - logits:dog", 90), _shortened("cat", 90)
    ('2 * sta...its:dog', 'cat')
    """
    shown, kept = text, len(text)
    while kept and _font().getlength(shown) > width:
        kept -= 1
        shown = text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :]
    return shown if kept else ""
