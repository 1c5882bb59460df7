"""Regions of images: mask files and boxes that flags name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ..base.errors import InputError
from ..data.image import cover, read_image


def read_mask(path: Path, files: Sequence[Path], size: tuple[int, int]) -> Tensor:
    """A mask file for images that were brought to `size` (height, width): `(1, 1, H, W)`, 1 where it is white.

    Args:
        path: of the mask.
        files: of the images, each of which has the mask's own size, unless that is `size`.
        size: of the images as the classifier sees them.

    Raises:
        InputError: a mask of another size.
    """
    mask = read_image(path)
    for file in files:
        own = read_image(file).shape[1:]
        if mask.shape[1:] not in (own, size):
            raise InputError(
                f"the mask {path} is {mask.shape[2]} x {mask.shape[1]} and {file} {own[1]} x {own[0]}; "
                "give a mask of the image's size"
            )
    return (cover(mask[None], size).mean(1, keepdim=True) > 0.5).float()
