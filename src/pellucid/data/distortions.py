"""Distortions of images whose strength is one number: with twice the strength, an image is more distorted.

Each maps `(N, 3, H, W)` images in [0, 1], a strength and a generator for each image to images of the same shape. What
is random (the noise, the way of a shift or a turn, the place of a square) follows from the generators.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..base.blur import blurred
from ..core.batch import draw
from .image import to_pil, to_tensor
from .transforms import rotate

Distortion = Callable[[Tensor, float, list[torch.Generator]], Tensor]


def blur(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """A Gaussian blur; `strength` is its standard deviation as a share of the side."""
    return blurred(images, strength * images.shape[3])


def noise(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """Gaussian noise; `strength` is its standard deviation."""
    return (images + strength * draw(torch.randn, images, generators)).clamp(0, 1)


def jpeg(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """JPEG; its standard's quantization table times `strength`, which is a quality of 50 / strength."""
    made = []
    for image in images:
        file = BytesIO()
        to_pil(image).save(file, "JPEG", quality=max(1, round(50 / strength)))
        made.append(to_tensor(Image.open(file)))
    return torch.stack(made).to(images)


def brightness(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """Darker by this share."""
    from torchvision.transforms.v2.functional import adjust_brightness

    return adjust_brightness(images, 1 - strength)


def contrast(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """Nearer to the mean gray by this share."""
    from torchvision.transforms.v2.functional import adjust_contrast

    return adjust_contrast(images, 1 - strength)


def shift(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """Left, right, up or down by this share of the side, in whole pixels; borders are reflected."""
    height, width = images.shape[2:]
    pixels = max(1, round(strength * width))
    padded = F.pad(images, [pixels] * 4, mode="reflect")
    ways = [((0, 1), (2, 1), (1, 0), (1, 2))[int(torch.randint(4, (), generator=g))] for g in generators]
    corners = [(pixels * down, pixels * right) for down, right in ways]
    moved = zip(padded, corners, strict=True)
    return torch.stack([image[:, top : top + height, left : left + width] for image, (top, left) in moved])


def rotation(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """Turned by `strength` degrees, either way; borders are reflected."""
    return rotate([-strength, strength])(images, generators)


def occlusion(images: Tensor, strength: float, generators: list[torch.Generator]) -> Tensor:
    """A gray square over a random place; its side is this share of the image's."""
    height, width = images.shape[2:]
    side = max(1, round(strength * width))
    covered = images.clone()
    for image, generator in zip(covered, generators, strict=True):
        top, left = (int(torch.randint(free - side + 1, (), generator=generator)) for free in (height, width))
        image[:, top : top + side, left : left + side] = 0.5
    return covered


DISTORTIONS: dict[str, tuple[Distortion, float]] = {
    "blur": (blur, 0.015),
    "noise": (noise, 0.02),
    "jpeg": (jpeg, 1.0),
    "brightness": (brightness, 0.05),
    "contrast": (contrast, 0.1),
    "shift": (shift, 1 / 32),
    "rotation": (rotation, 2.0),
    "occlusion": (occlusion, 1 / 8),
}
"""By name, each with a strength that is seen but weak."""
