"""Random transforms that a descent applies to images before the classifier sees them.

A transform maps `(N, C, H, W)` images and one generator for each image to images, differentiably; all but `pad`,
`resize` and `random_crop` keep the size, and all but `views` the number of images. They keep a standard classifier's
visualizations from relying on the exact position of single pixels (Olah, Mordvintsev and Schubert 2017); a robust
classifier does not need them, which is the representations paper's point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.batch import draw
from ..core.descend import Transform
from .image import cover


def jitter(pixels: int) -> Transform:
    """Shift each image by up to `pixels` in both directions; borders are reflected.

    >>> jitter(2)(torch.rand(1, 3, 8, 8), [torch.Generator().manual_seed(0)]).shape
    torch.Size([1, 3, 8, 8])
    """
    if pixels < 1:
        raise InputError(f"jitter needs at least 1 pixel, not {pixels}")

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        height, width = images.shape[2:]
        if pixels >= min(height, width):
            raise InputError(f"a jitter of {pixels} pixels needs images larger than that, not {width} x {height}")
        padded = F.pad(images, [pixels] * 4, mode="reflect")
        shifts = torch.stack([torch.randint(2 * pixels + 1, (2,), generator=g) for g in generators]).tolist()
        moved = zip(padded, shifts, strict=True)
        return torch.stack([image[:, top : top + height, left : left + width] for image, (top, left) in moved])

    return apply


def pad(pixels: int, value: float = 0.5) -> Transform:
    """Put a border of this value, gray if not given, around each image, which grows by it.

    >>> pad(2)(torch.rand(1, 3, 8, 8), [torch.Generator()]).shape
    torch.Size([1, 3, 12, 12])
    """
    return lambda images, generators: F.pad(images, [pixels] * 4, value=value)


def resize(side: int) -> Transform:
    """Bring each image to `side` x `side` pixels."""
    return lambda images, generators: cover(images, side)


def rotate(degrees: Sequence[float]) -> Transform:
    """Turn each image by one of these angles, chosen at random."""
    return _warp([(1.0, angle) for angle in degrees])


def scale(factors: Sequence[float]) -> Transform:
    """Enlarge each image by one of these factors about its center, chosen at random; the size stays."""
    if not all(0 < factor < math.inf for factor in factors):
        raise InputError(f"scale factors must be positive, not {list(factors)}")
    return _warp([(factor, 0.0) for factor in factors])


def _warp(choices: Sequence[tuple[float, float]]) -> Transform:
    if not choices:
        raise InputError("give at least one angle or factor to choose from")
    turns = [(math.cos(math.radians(angle)) / f, math.sin(math.radians(angle)) / f) for f, angle in choices]
    matrices = torch.tensor([[[cosine, sine, 0.0], [-sine, cosine, 0.0]] for cosine, sine in turns])

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        chosen = torch.stack([torch.randint(len(choices), (), generator=g) for g in generators])
        height, width = images.shape[2:]
        # In pixels and not in shares of each side, so that an image which is not square keeps its shape.
        aspect = torch.tensor([[1.0, height / width, 1.0], [width / height, 1.0, 1.0]])
        turn = (matrices[chosen] * aspect).to(images)
        places = F.affine_grid(turn, list(images.shape), align_corners=False)
        return F.grid_sample(images, places, mode="bilinear", padding_mode="reflection", align_corners=False)

    return apply


def crop(least: float, most: float, noise: float = 0.0, spread: float = 0.15) -> Transform:
    """A random square of each image, enlarged to the image's size, under Gaussian noise.

    As Fel et al. 2023 do it, with one crop of an image in each step.

    Args:
        least, most: share of the image's side that a crop has, drawn uniformly.
        noise: standard deviation of what is added to every pixel.
        spread: standard deviation of a crop's place around the center, as a share of the side; it stays in the image.
    """
    if not 0 < least <= most <= 1:
        raise InputError(f"a crop has between 0 and 1 of an image's side, not {least} to {most}")

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        share = least + (most - least) * torch.stack([torch.rand((), generator=g) for g in generators])
        place = 2 * spread * torch.stack([torch.randn(2, generator=g) for g in generators])  # -1 and 1 are the borders
        place = place.clamp(share[:, None] - 1, 1 - share[:, None])
        zoom = torch.cat([share[:, None, None] * torch.eye(2), place[..., None]], dim=2).to(images)
        places = F.affine_grid(zoom, list(images.shape), align_corners=False)
        crops = F.grid_sample(images, places, mode="bilinear", padding_mode="border", align_corners=False)
        return crops + noise * draw(torch.randn, crops, generators) if noise else crops

    return apply


def random_crop(shares: Sequence[float], side: int, noise: float = 0.0) -> Transform:
    """A square of each image at a random place, brought to `side` x `side` pixels, under Gaussian noise.

    Args:
        shares: of the image's shorter side that the square has, of which each image draws one.
        side: of the result in pixels.
        noise: standard deviation of what is added to every pixel.

    >>> random_crop([0.5, 1.0], 4)(torch.rand(1, 3, 8, 8), [torch.Generator().manual_seed(0)]).shape
    torch.Size([1, 3, 4, 4])
    """
    if not shares or not all(0 < share <= 1 for share in shares):
        raise InputError(f"a crop has more than 0 and at most 1 of an image's side, not {list(shares)}")

    def apply(images: Tensor, generators: list[torch.Generator]) -> Tensor:
        chosen, places = (
            torch.stack([torch.randint(len(shares), (), generator=g) for g in generators]),
            torch.stack([torch.rand(2, generator=g) for g in generators]),
        )
        height, width = images.shape[2:]
        extent = torch.tensor(shares)[chosen, None] * min(height, width) / torch.tensor([width, height])  # of each axis
        middle = (2 * places - 1) * (1 - extent)
        zoom = torch.cat([torch.diag_embed(extent), middle[..., None]], dim=2).to(images)
        spread = F.affine_grid(zoom, [len(images), images.shape[1], side, side], align_corners=False)
        crops = F.grid_sample(images, spread, mode="bilinear", padding_mode="border", align_corners=False)
        return crops + noise * draw(torch.randn, crops, generators) if noise else crops

    return apply


def views(count: int, transform: Transform) -> Transform:
    """`count` results of a transform for each image, one after the other: `(N, C, H, W)` to `(N * count, C, H', W')`.

    For objectives that average over the views of an image, such as `pellucid.Text`.

    >>> views(3, random_crop([0.5], 4))(torch.rand(2, 3, 8, 8), [torch.Generator() for _ in range(2)]).shape
    torch.Size([6, 3, 4, 4])
    """
    return lambda images, generators: transform(
        images.repeat_interleave(count, 0), [generator for generator in generators for _ in range(count)]
    )


def standard(side: int = 224) -> list[Transform]:
    """The list that lucid publishes as its standard, for images of `side` pixels: `moves` within a gray border of 12
    pixels of 224, and then the size that the classifier wants."""
    return [pad(_share(12, side)), *moves(side), resize(side)]


def moves(side: int) -> list[Transform]:
    """What lucid's standard moves, for pictures whose shorter side has `side` pixels; their size and aspect stay.

    Jitter by 8, scale by 0.9 to 1.1, rotation by up to 10 degrees and often none, jitter by 4. Those are pixels of 224;
    of smaller images there are fewer, but at least one. lucid's jitter by 8 cuts off 8 pixels at random places, so it
    is one of up to 4 to either side. What comes in from outside is the picture's reflection.
    """
    return [
        jitter(_share(4, side)),
        scale([1 + (i - 5) / 50 for i in range(11)]),
        rotate([*range(-10, 11), 0, 0, 0, 0, 0]),
        jitter(_share(2, side)),
    ]


def _share(pixels: int, side: int) -> int:
    """Pixels of 224 as pixels of `side`."""
    return max(1, round(pixels * side / 224))


def crops() -> list[Transform]:
    """What goes with `pellucid.Maco`: squares of 40 to 100 percent of an image's side, under noise of 0.05."""
    return [crop(0.4, 1.0, noise=0.05)]
