"""Tiles of a large image whose features are exactly those of the whole.

Position i of a layer of stride s reads pixels from i·s - left to i·s + right. Tiles begin at multiples of the largest
stride, so that position i of the whole is position i - start / s of the tile; each tile has a core, whose positions
are its own, and a halo at least as wide as the reach (left and right) of the deepest layer. A tile ends with the
image where its halo would leave it, so that a network's padding stays where it is: at the borders of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ..errors import InputError

# A probe is long enough for the reach of the deepest published layers (a ResNet's layer4 reads 483 pixels), and
# wide enough for networks without padding.
LENGTH, WIDTH, STEP = 1024, 96, 128


@dataclass(frozen=True)
class Geometry:
    """How the positions of layers lie on an image.

    Attributes:
        strides: pixels between two positions, for each layer.
        reach: no position reads further than this many pixels from where it lies.
    """

    strides: dict[str, int]
    reach: int

    @property
    def unit(self) -> int:
        """What the starts of tiles are multiples of."""
        return max(self.strides.values())

    def joined(self, other: Geometry) -> Geometry:
        """Of the layers of both."""
        return Geometry(self.strides | other.strides, max(self.reach, other.reach))


def measure(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device) -> Geometry:
    """The geometry of the layers that `read` yields, measured.

    Strides follow from the sizes of layers at two sizes of image. What a position reads is seen by where NaNs go: every
    sum that they enter, with whatever weight, is NaN.

    Raises:
        InputError: a layer that reads the whole image, or has a stride that is not a whole number.
    """
    strides: dict[str, int] = {}
    reach = 0
    with torch.no_grad(), torch.backends.cudnn.flags(enabled=False):  # Fourier transforms would spread NaNs
        for axis in (2, 3):
            found = _strides(read, device, axis)
            if strides and strides != found:
                raise InputError("layers whose strides differ between height and width cannot be tiled")
            strides = found
            reach = max(reach, _reach(read, device, axis, strides))
    return Geometry(strides, reach)


def _probe(device: torch.device, axis: int, length: int) -> Tensor:
    return torch.full((1, 3, length, WIDTH) if axis == 2 else (1, 3, WIDTH, length), 0.5, device=device)


def _strides(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device, axis: int) -> dict[str, int]:
    short, long = (read(_probe(device, axis, length)) for length in (STEP * 2, STEP * 3))
    strides = {}
    for layer in short:
        more = long[layer].shape[axis] - short[layer].shape[axis]
        if more <= 0 or STEP % more:
            raise InputError(f"layer {layer} cannot be tiled: its size does not grow in step with the image's")
        strides[layer] = STEP // more
    return strides


def _reach(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device, axis: int, strides: dict) -> int:
    unit, middle = max(strides.values()), LENGTH // 2
    image = _probe(device, axis, LENGTH)
    image.narrow(axis, middle, unit).fill_(torch.nan)  # as many rows as a stride: no position can step over them
    reach = 0
    for layer, values in read(image).items():
        hit = values.isnan().any(1)[0].any(1 if axis == 2 else 0).nonzero().flatten().tolist()
        if not hit or len(hit) == values.shape[axis]:
            raise InputError(f"layer {layer} cannot be tiled: its positions read the whole image")
        reach = max(reach, hit[-1] * strides[layer] - middle, middle + unit - hit[0] * strides[layer])
    return reach


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels: its core, and the tile with its halo."""

    core: tuple[int, int]
    outer: tuple[int, int]
    last: bool

    def within(self, stride: int) -> slice:
        """The positions of the core, counted from the tile's start."""
        begin, end = ((edge - self.outer[0]) // stride for edge in self.core)
        return slice(begin, None if self.last else end)

    def overall(self, stride: int) -> slice:
        """The positions of the core, counted from the image's start."""
        begin, end = (edge // stride for edge in self.core)
        return slice(begin, None if self.last else end)


@dataclass(frozen=True)
class Tile:
    """A rectangle of an image: rows and columns."""

    rows: Span
    columns: Span

    def cut(self, images: Tensor) -> Tensor:
        """The tile with its halo out of `(N, C, H, W)`, a view."""
        return images[:, :, slice(*self.rows.outer), slice(*self.columns.outer)]

    def core(self, features: Tensor, stride: int) -> Tensor:
        """The tile's own positions out of the features of what `cut` gives."""
        return features[:, :, self.rows.within(stride), self.columns.within(stride)]

    def place(self, features: Tensor, stride: int) -> Tensor:
        """The tile's own positions out of those of the whole image."""
        return features[:, :, self.rows.overall(stride), self.columns.overall(stride)]


def spans(length: int, core: int, geometry: Geometry) -> list[Span]:
    """`length` pixels as spans with cores of at most about `core` pixels, as equal as their alignment allows."""
    unit = geometry.unit
    halo = -(-geometry.reach // unit) * unit
    count = -(-length // max(core, unit))
    each = -(-length // (count * unit)) * unit
    starts = range(0, length, each)
    return [
        Span((a, min(a + each, length)), (max(a - halo, 0), min(a + each + halo, length)), a == starts[-1])
        for a in starts
    ]


def tiles(height: int, width: int, core: int, geometry: Geometry) -> list[Tile]:
    """Tiles that cover an image, row by row.

    >>> [tile.rows.outer for tile in tiles(64, 32, 32, Geometry({"conv": 1}, reach=3))]
    [(0, 35), (29, 64)]
    """
    both: Iterable[tuple[Span, Span]] = product(spans(height, core, geometry), spans(width, core, geometry))
    return [Tile(rows, columns) for rows, columns in both]
