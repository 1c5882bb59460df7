"""A picture with what belongs to it: its transparency, its color profile and its depth."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing
from . import deep
from .image import SUFFIXES, has_alpha, opened, quiet, to_pil, to_tensor

ORIENTATION = 0x0112  # EXIF's tag
WITH_ALPHA = (".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Picture:
    """An image file's content.

    Attributes:
        pixels: `(3, H, W)` in [0, 1], upright, in the file's own colors, which nothing is laid under; where it is
            wholly transparent, in those of what is next to it.
        alpha: `(1, H, W)` with 1 opaque, or None.
        profile: its ICC profile, if that is one of RGB.
        deep: 16 bits a channel.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    profile: bytes | None = None
    deep: bool = False

    @property
    def over_white(self) -> Tensor:
        """The pixels as they look on white paper."""
        return self.pixels if self.alpha is None else self.pixels * self.alpha + 1 - self.alpha

    def with_pixels(self, pixels: Tensor) -> Picture:
        """The same with other pixels, of any size; the transparency is brought to that size."""
        alpha = self.alpha
        if alpha is not None and alpha.shape[1:] != pixels.shape[1:]:
            size = (pixels.shape[1], pixels.shape[2])
            alpha = F.interpolate(alpha[None], size, mode="bilinear", antialias=True).clamp(0, 1)[0]
        return replace(self, pixels=pixels, alpha=alpha)


def read_picture(path: str | Path) -> Picture:
    """Read an image file; raises `InputError` for what is not one, see `read_image`."""
    path = Path(path)
    with opened(path) as image:
        profile = image.info.get("icc_profile")
        grays = image.mode.startswith("I;16")
        shallow = _with_alpha(image) if has_alpha(image) and not grays else to_tensor(image)
    channels = _deep_channels(path)
    # The header of an ICC profile names its color space at byte 16. One of inks or grays says nothing of RGB.
    profile = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
    is_deep = grays or channels is not None
    channels = shallow if channels is None else channels
    if len(channels) == 3:
        return Picture(channels, None, profile, is_deep)
    return Picture(_spread(channels[:3], channels[3:]), channels[3:], profile, is_deep)


def write_picture(path: str | Path, picture: Picture) -> None:
    """Write a picture in the format that the suffix names, with all of it that the format can hold.

    Raises:
        InputError: an unknown suffix, or a place that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"cannot write {path}: the name must end in one of {', '.join(SUFFIXES)}")
    channels = picture.over_white
    if picture.alpha is not None and suffix in WITH_ALPHA:
        channels = torch.cat([picture.pixels, picture.alpha.to(channels)])
    if picture.deep and suffix in deep.SUFFIXES:
        deep.write_deep(path, channels, picture.profile)
        return
    options: dict[str, Any] = {"icc_profile": picture.profile} if picture.profile else {}
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0}
    with replacing(path) as temporary:
        to_pil(channels).save(temporary, **options)


def _with_alpha(image: Image.Image) -> Tensor:
    """A PIL image as `(4, H, W)` in [0, 1], colors as they are in the file."""
    values = torch.from_numpy(np.array(image.convert("RGBA")).astype(np.float32) / 255)
    return values.permute(2, 0, 1).contiguous()


def _spread(colors: Tensor, alpha: Tensor) -> Tensor:
    """`(3, H, W)` colors, which where `(1, H, W)` alpha is 0 become the averages of what is around.

    Files hold anything there, often black. It would seep into the soft edges of a picture that is resized, and a style
    would be laid on it. The averages come from the picture at half the size, and there from the next half.
    """
    seen = alpha > 0
    if seen.all() or not seen.any():
        return colors if seen.all() else torch.ones_like(colors)
    sums = F.avg_pool2d(torch.cat([colors * alpha, alpha]), 2, ceil_mode=True, count_include_pad=False)
    coarse = _spread(sums[:3] / sums[3:].clamp_min(1e-12), sums[3:])
    size = (colors.shape[1], colors.shape[2])
    around = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    return torch.where(seen, colors, around.clamp(0, 1))


def _deep_channels(path: Path) -> Tensor | None:
    """The channels of an RGB file of 16 bits, upright; None for any other, and where only Pillow can read it."""
    try:
        with quiet(), Image.open(path, formats=("PNG", "TIFF")) as image:
            channels = deep.read_deep(path, image)
            upright = deep.UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error, zlib.error):
        return None
    return channels if channels is None or upright is None else upright(channels).contiguous()
