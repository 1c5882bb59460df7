"""What a style transfer is given, checked before anything large is made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ..base.checks import check_images
from ..base.devices import check_memory
from ..base.errors import InputError
from ..base.image import Images
from .pyramid import with_shorter_side

LEAST_TILE = 64  # the overlap of smaller tiles is nearly all of them
# Bytes for each pixel of a picture: three float32, of which resizing holds about as many copies.
PIXEL, COPIES = 12, 4


def check_picture(picture: Images, name: str) -> Tensor:
    """One RGB picture, as `check_images` gives it."""
    images = check_images(picture, name)
    if images.shape[:2] != (1, 3):
        raise InputError(f"{name} must be one RGB picture, (1, 3, H, W), not {tuple(images.shape)}")
    height, width = images.shape[2:]
    if min(height, width) < 2:
        raise InputError(f"{name} is {width} x {height} pixels; a picture needs at least 2 on each side")
    return images


def with_side(images: Tensor, side: int, name: str) -> Tensor:
    """`with_shorter_side`, or an `InputError` where memory could not hold the picture."""
    height, width = images.shape[2:]
    pixels = side**2 * max(height, width) // min(height, width)
    check_memory(COPIES * PIXEL * pixels, f"{name} with a shorter side of {side} pixels")
    return with_shorter_side(images, side)


def check_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    """One for each style, with the sum 1; equal if not given."""
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count:
        raise InputError(f"{len(weights)} style weights for {count} styles; give one for each")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not sum(weights):
        raise InputError("style weights must be numbers of at least 0, one of them larger")
    return [weight / sum(weights) for weight in weights]


def check_masks(masks: Sequence[Images | None] | None, count: int, content: Tensor) -> list[Tensor | None]:
    """One for each style, on the content's device; None is everywhere."""
    each: list[Images | None] = [None] * count if masks is None else list(masks)
    if len(each) != count:
        raise InputError(f"{len(each)} masks for {count} styles; give one for each")
    return [None if mask is None else _mask(mask).to(content) for mask in each]


def _mask(given: Images) -> Tensor:
    mask = check_images(given, "a mask").mean(1, keepdim=True)
    if mask.shape[:2] != (1, 1) or not mask.any():
        raise InputError(f"a mask must be (1, 1, H, W) and not all 0, and this is {tuple(mask.shape)}")
    return mask


def check_jitter(jitter: int, size: tuple[int, int]) -> None:
    """Raise `InputError` where a picture of this height and width has no reflection for such a jitter."""
    if jitter >= min(size):
        raise InputError(
            f"jitter {jitter} is too much for the first scale, {size[1]} x {size[0]} pixels; at most {min(size) - 1}"
        )


def check_tile(tile: int) -> None:
    """Raise `InputError` for tiles so small that the picture takes many times as long."""
    if 0 < tile < LEAST_TILE:
        raise InputError(
            f"tile {tile} would make the picture take many times as long, as tiles overlap; at least {LEAST_TILE}, "
            "better 512"
        )
