"""Masks: which region of an image a task may change."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import check_images
from ..base.errors import InputError
from ..base.image import Images
from ..core.batch import draw, generators


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Tensor:
    """`(1, 1, H, W)`, 1 inside `box` = (left, top, width, height) in pixels."""
    height, width = size
    left, top, box_width, box_height = box
    if min(box_width, box_height) < 1 or min(left, top) < 0 or left + box_width > width or top + box_height > height:
        raise InputError(f"the box {left},{top},{box_width},{box_height} is not inside an image of {width} x {height}")
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, top : top + box_height, left : left + box_width] = 1
    return mask


def patch_mask(count: int, size: tuple[int, int], patch: int, seed: int = 0, first: int = 0) -> Tensor:
    """`(count, 1, H, W)`, 1 in a square of side `patch` at a random place of each image (appendix A.8).

    The place follows from the seed and the image's number; `first` is that of the first.
    """
    height, width = size
    if not 1 <= patch <= min(height, width):
        raise InputError(f"a patch of {patch} pixels does not fit an image of {width} x {height}")
    masks = []
    for generator in generators(seed, count, first):
        top = int(torch.randint(height - patch + 1, (), generator=generator))
        left = int(torch.randint(width - patch + 1, (), generator=generator))
        masks.append(box_mask(size, (left, top, patch, patch)))
    return torch.cat(masks)


def check_mask(mask: Images, images: Tensor) -> Tensor:
    """The mask as `(N, 1, H, W)` of values in [0, 1] for these images."""
    region = check_images(mask, "mask").mean(1, keepdim=True)
    if region.shape[2:] != images.shape[2:] or len(region) not in (1, len(images)):
        own, other = (f"{t.shape[3]} x {t.shape[2]}" for t in (region, images))
        remedy = f"give both of one size; read_image(FILE, {tuple(region.shape[2:])}) reads a file at the mask's"
        raise InputError(f"the mask is {own} and the image {other} pixels; {remedy}")
    each = region.flatten(1)
    if bool(((each.amax(1) == 0) | (each.amin(1) == 1)).any()):
        raise InputError("the mask hides nothing or everything; it must be white where to paint and black elsewhere")
    return region.expand(len(images), -1, -1, -1).contiguous()


def varied(images: Tensor, mask: Tensor, variety: float, seed: int) -> Tensor:
    """The images with smooth noise of standard deviation `variety` where the mask is 1, so that seeds differ.

    The noise varies over an eighth of the image.
    """
    if not variety:
        return images
    coarse = draw(torch.randn, images[:, :, :8, :8], generators(seed, len(images)))
    noise = F.interpolate(coarse, size=images.shape[2:], mode="bicubic")
    return (images + mask.to(images) * variety * noise).clamp(0, 1)
