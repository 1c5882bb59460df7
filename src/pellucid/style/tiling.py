"""Tiles of a large image whose features are exactly those of the whole.

Position i of a layer of stride s reads pixels from i·s - left to i·s + right. Tiles begin at multiples of every
stride, so that position i of the whole is position i - start / s of the tile; each tile has a core, whose positions
are its own, and a halo at least as wide as the reach (left and right) of the deepest layer. A tile ends with the
image where its halo would leave it, so that a network's padding stays where it is: at the borders of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ..base.errors import InputError

# A probe is long enough for the reach of the deepest published layers (a ResNet's layer4 reads 483 pixels), and
# wide enough for networks without padding.
LENGTH, WIDTH = 1024, 96
# A size grows by STEP / stride, rounded up or down: 2048 tells strides up to 32 apart, whatever they are.
SHORT, STEP, LARGEST = 256, 2048, 256  # the last is of a unit, twice which must fit on a probe


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
        return math.lcm(*self.strides.values())

    def joined(self, other: Geometry) -> Geometry:
        """Of the layers of both."""
        return Geometry(self.strides | other.strides, max(self.reach, other.reach))


def measure(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device) -> Geometry:
    """The geometry of the layers that `read` yields, measured.

    Strides follow from the sizes of layers at two sizes of image. What a position reads is seen by where NaNs go: every
    sum that they enter, with whatever weight, is NaN. That tiles may begin at multiples of the unit is seen by NaNs
    that lie a unit further on: what they reach must have moved by as many positions.

    Raises:
        InputError: a layer that reads the whole image, or does not move along with it.
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
    short, long = (read(_probe(device, axis, length)) for length in (SHORT, SHORT + STEP))
    strides = {}
    for layer in short:
        more = long[layer].shape[axis] - short[layer].shape[axis]
        stride = round(STEP / max(more, 1))
        if more <= 0:
            raise InputError(f"layer {layer} cannot be tiled: its size does not grow with the image's")
        if abs(more * stride - STEP) > stride:
            raise InputError(f"layer {layer} cannot be tiled: its stride is not a whole number up to 32 pixels")
        strides[layer] = stride
    unit = math.lcm(*strides.values())
    if unit > LARGEST:
        shown = ", ".join(map(str, sorted(set(strides.values()))))
        raise InputError(f"layers of strides {shown} cannot be tiled together: they meet only every {unit} pixels")
    return strides


def _reach(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device, axis: int, strides: dict) -> int:
    unit = math.lcm(*strides.values())
    middle = (LENGTH - unit) // 2
    here, there = (_hit(read, device, axis, start, unit) for start in (middle, middle + unit))
    reach = 0
    for layer, hit in here.items():
        stride = strides[layer]
        if there[layer] != [position + unit // stride for position in hit]:
            raise InputError(f"layer {layer} cannot be tiled: its positions do not move along with the image")
        reach = max(reach, hit[-1] * stride - middle, middle + unit - hit[0] * stride)
    return reach


def _hit(read: Callable[[Tensor], dict[str, Tensor]], device: torch.device, axis: int, start: int, count: int) -> dict:
    """By layer, the positions that read any of `count` pixels from `start` on."""
    image = _probe(device, axis, LENGTH)
    image.narrow(axis, start, count).fill_(torch.nan)  # as many rows as a stride: no position can step over them
    hit = {}
    for layer, values in read(image).items():
        hit[layer] = values.isnan().any(1)[0].any(1 if axis == 2 else 0).nonzero().flatten().tolist()
        if not hit[layer] or hit[layer][0] == 0 or hit[layer][-1] == values.shape[axis] - 1:
            raise InputError(f"layer {layer} cannot be tiled: its positions read the whole image, or most of it")
    return hit


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
