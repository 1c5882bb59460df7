"""A picture with what belongs to it: its transparency and its color profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing
from .image import WRITTEN, channels, opened, to_pil

WITH_ALPHA = (".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Picture:
    """An image file's content.

    Attributes:
        pixels: `(3, H, W)` in [0, 1], upright, in the file's own colors, which nothing is laid under; where it is
            wholly transparent, in those of what is next to it.
        alpha: `(1, H, W)` with 1 opaque, or None.
        profile: its ICC profile, if that is one of RGB.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    profile: bytes | None = None

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
    with opened(path) as image:
        profile = image.info.get("icc_profile")
        found = channels(image)
    # The header of an ICC profile names its color space at byte 16. A profile of inks or grays does not apply to RGB.
    profile = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
    if len(found) == 3:
        return Picture(found, None, profile)
    return Picture(_spread(found[:3], found[3:]), found[3:], profile)


def write_picture(path: str | Path, picture: Picture) -> None:
    """Write a picture with 8 bits a channel, in the format that the suffix names, with what that can hold.

    Raises:
        InputError: an unknown suffix, or a place that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise InputError(f"cannot write {path}: the name must end in one of {', '.join(WRITTEN)}")
    pixels = picture.over_white
    if picture.alpha is not None and suffix in WITH_ALPHA:
        pixels = torch.cat([picture.pixels, picture.alpha.to(pixels)])
    options: dict[str, Any] = {"icc_profile": picture.profile} if picture.profile else {}
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0}
    with replacing(path) as temporary:
        to_pil(pixels).save(temporary, **options)


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
