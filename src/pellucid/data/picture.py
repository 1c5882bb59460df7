"""A picture with what belongs to it: its transparency, its color profile and its depth."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..files import replacing
from . import deep
from .image import SUFFIXES, opened, quiet, read_alpha, to_pil, to_tensor

ORIENTATION = 0x0112  # EXIF's tag
WITH_ALPHA = (".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Picture:
    """An image file's content.

    Attributes:
        pixels: `(3, H, W)` in [0, 1], upright, over white where it is transparent.
        alpha: `(1, H, W)` with 1 opaque, or None.
        profile: its ICC profile, if that is one of RGB.
        deep: 16 bits a channel.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    profile: bytes | None = None
    deep: bool = False

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
        pixels = to_tensor(image)
        grays = image.mode.startswith("I;16")
    alpha = read_alpha(path)
    channels = _deep_channels(path)
    # The header of an ICC profile names its color space at byte 16. One of inks or grays says nothing of RGB.
    profile = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
    if channels is None:
        return Picture(pixels, alpha, profile, grays)
    if len(channels) == 3:
        return Picture(channels, None, profile, True)
    pixels, alpha = channels[:3], channels[3:]
    return Picture(pixels * alpha + (1 - alpha), alpha, profile, True)


def write_picture(path: str | Path, picture: Picture) -> None:
    """Write a picture in the format that the suffix names, with all of it that the format can hold.

    Raises:
        InputError: an unknown suffix, or a place that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"cannot write {path}: the name must end in one of {', '.join(SUFFIXES)}")
    channels = picture.pixels
    if picture.alpha is not None and suffix in WITH_ALPHA:
        channels = torch.cat([channels, picture.alpha.to(channels)])
    if picture.deep and suffix in deep.SUFFIXES:
        deep.write_deep(path, channels, picture.profile)
        return
    options: dict[str, Any] = {"icc_profile": picture.profile} if picture.profile else {}
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0}
    with replacing(path) as temporary:
        to_pil(channels).save(temporary, **options)


def _deep_channels(path: Path) -> Tensor | None:
    """The channels of an RGB file of 16 bits, upright; None for any other, and where only Pillow can read it."""
    try:
        with quiet(), Image.open(path, formats=("PNG", "TIFF")) as image:
            channels = deep.read_deep(path, image)
            upright = deep.UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error, zlib.error):
        return None
    return channels if channels is None or upright is None else upright(channels).contiguous()
