"""Augmentation as tensor operations on a whole batch, so that no worker processes are needed.

Each maps `(N, 3, H, W)` uint8 images and `Draws` to float32 images in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Principal components of ImageNet's colors (Krizhevsky et al. 2012), in [0, 1] units.
COLOR_VALUES = torch.tensor([0.2175, 0.0188, 0.0045])
COLOR_VECTORS = torch.tensor([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


@dataclass(frozen=True)
class Draws:
    """Uniform random numbers for the images of a batch, or for the rows of it that one process has.

    All processes draw for the whole batch and keep their rows, so that together they do what one would.
    """

    generator: torch.Generator
    count: int
    rows: slice | None = None

    def __call__(self, numbers: int) -> Tensor:
        """`(numbers, N)` in [0, 1)."""
        return torch.rand(numbers, self.count, generator=self.generator)[:, self.rows or slice(None)]


Augmentation = Callable[[Tensor, Draws], Tensor]
TRIES = 10  # at a random part that lies within the image


def none(images: Tensor, draws: Draws) -> Tensor:
    """The images as they are."""
    return images.float() / 255


def crop_flip(images: Tensor, draws: Draws, padding: int | None = None, mode: str = "reflect") -> Tensor:
    """Each image shifted by up to `padding` pixels over a border, and mirrored with probability 1/2.

    Args:
        images: `(N, C, H, W)` uint8.
        draws: three an image.
        padding: an eighth of the side if not given: 4 pixels of 32, as in the papers.
        mode: "reflect", or "constant" for the papers' black border.
    """
    count, _, height, width = images.shape
    padding = height // 8 if padding is None else padding
    numbers = draws(3).to(images.device)
    top, left = (numbers[:2] * (2 * padding + 1)).long()
    padded = F.pad(images.float() / 255, [padding] * 4, mode=mode)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(numbers[2, :, None] < 0.5, columns.flip(1), columns)
    batch = torch.arange(count, device=images.device)
    return padded.permute(0, 2, 3, 1)[batch[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def madry_cifar(images: Tensor, draws: Draws) -> Tensor:
    """Crops over a black border of 4 pixels of 32, mirroring, color jitter of 0.25, rotation by up to 2 degrees."""
    images = color_jitter(crop_flip(images, draws, mode="constant"), draws, 0.25)
    return rotate(images, draws, degrees=2)


def madry_imagenet(images: Tensor, draws: Draws) -> Tensor:
    """A random part at 7/8 of the side (256 to 224 pixels), mirroring, color jitter of 0.1, lighting of 0.05."""
    side = images.shape[2] * 7 // 8
    images = random_part(images.float() / 255, draws, (side, side))
    return lighting(color_jitter(images, draws, 0.1), draws, 0.05)


def resized_crop(images: Tensor, draws: Draws) -> Tensor:
    """A random part of each image at the image's size, mirrored with probability 1/2; see `random_part`."""
    return random_part(images.float() / 255, draws, (images.shape[2], images.shape[3]))


def crop_jitter(images: Tensor, draws: Draws) -> Tensor:
    """A random part of at least 40% of each image at the image's size, mirrored with probability 1/2, and color jitter
    of 0.2: what a small network takes from a small data set, where parts of 8% are beyond it.
    """
    images = random_part(images.float() / 255, draws, (images.shape[2], images.shape[3]), least=0.4)
    return color_jitter(images, draws, 0.2)


def random_part(images: Tensor, draws: Draws, size: tuple[int, int], least: float = 0.08) -> Tensor:
    """A random part of each image, of `least` to 100% of its area and an aspect of 3/4 to 4/3, brought to `size` and
    mirrored with probability 1/2 (Szegedy et al. 2015, with a `least` of 8%).

    Area and aspect are drawn until the part lies within the image. After ten draws it is the whole image.

    Args:
        images: `(N, 3, H, W)` in [0, 1].
        draws: 23 an image.
        size: height and width of the result.
        least: the smallest share of the area.
    """
    down, right, x, y, mirror = (*_extents(images, draws, least), *draws(3).to(images.device))
    theta = images.new_zeros(len(images), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = right * torch.where(mirror < 0.5, -1.0, 1.0), down
    theta[:, 0, 2], theta[:, 1, 2] = (2 * x - 1) * (1 - right), (2 * y - 1) * (1 - down)
    return _sampled(images, theta, size, "border")


def _extents(images: Tensor, draws: Draws, least: float) -> tuple[Tensor, Tensor]:
    """Height and width of a random part of each image, as shares of the image's, each `(N,)`."""
    height, width = images.shape[2:]
    area, aspect = draws(2 * TRIES).to(images.device).unflatten(0, (2, TRIES))
    area, aspect = least + (1 - least) * area, torch.exp((2 * aspect - 1) * math.log(4 / 3)) * height / width
    both = torch.stack([(area / aspect).sqrt(), (area * aspect).sqrt()])
    inside = (both <= 1).all(0)
    first = inside.int().argmax(0).expand(2, 1, -1)
    down, right = torch.where(inside.any(0), both.gather(1, first)[:, 0], 1.0)
    return down, right


def rotate(images: Tensor, draws: Draws, degrees: float) -> Tensor:
    """Each image rotated about its center by up to `degrees` either way, over black."""
    angle = (2 * draws(1)[0].to(images.device) - 1) * math.radians(degrees)
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).reshape(-1, 2, 3)
    return _sampled(images, theta, (images.shape[2], images.shape[3]), "zeros")


def _sampled(images: Tensor, theta: Tensor, size: tuple[int, int], border: str) -> Tensor:
    grid = F.affine_grid(theta, [len(images), 3, *size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode=border, align_corners=False).clamp(0, 1)


def color_jitter(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """Brightness, contrast and saturation of each image, each times 1 - strength to 1 + strength, in this order."""
    factors = 1 + strength * (2 * draws(3).to(images.device) - 1)
    brightness, contrast, saturation = factors[:, :, None, None, None]
    images = (images * brightness).clamp(0, 1)
    images = torch.lerp(gray(images).mean((2, 3), keepdim=True), images, contrast).clamp(0, 1)
    return torch.lerp(gray(images), images, saturation).clamp(0, 1)


def gray(images: Tensor) -> Tensor:
    """The luma of each pixel (Rec. 601): `(N, 3, H, W)` to `(N, 1, H, W)`."""
    return (images * images.new_tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)


def lighting(images: Tensor, draws: Draws, deviation: float) -> Tensor:
    """Each image's color moved along the principal components of ImageNet's colors (Krizhevsky et al. 2012)."""
    uniform = draws(3).T.clamp(1e-6, 1 - 1e-6)
    normal = torch.special.ndtri(uniform.double()).float()
    shift = (normal * deviation * COLOR_VALUES) @ COLOR_VECTORS.T
    return (images + shift.to(images)[:, :, None, None]).clamp(0, 1)


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": none,
    "crop-flip": crop_flip,
    "resized-crop": resized_crop,
    "crop-jitter": crop_jitter,
    "madry-cifar": madry_cifar,
    "madry-imagenet": madry_imagenet,
}
