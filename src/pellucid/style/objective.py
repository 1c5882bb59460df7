"""What a style transfer lowers: style, content and smoothness of an image, and their gradient, whole or by tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from .backbone import Backbone
from .losses import Statistics, content_distance, total_variation
from .tiling import Geometry, Tile, measure

Features = dict[str, Tensor]
Found = dict[tuple[str, int], Statistics]  # by style layer and number of the region


@dataclass(frozen=True)
class Losses:
    """The loss of one image, and what it is made of, each with its weight."""

    total: float
    style: float
    content: float
    smoothness: float


class Reader:
    """The style and content layers of an image: one pass if one backbone has both.

    Args:
        style: the backbone of the style layers.
        content: that of the content layers; may be the same.
        style_layers, content_layers: which layers of each.
    """

    def __init__(self, style: Backbone, content: Backbone, style_layers: Sequence[str], content_layers: Sequence[str]):
        self.style, self.content = style, content
        self.style_layers, self.content_layers = tuple(style_layers), tuple(content_layers)

    def __call__(self, images: Tensor) -> tuple[Features, Features]:
        """`(1, 3, H, W)` images to style features and content features."""
        style = self.style(images)
        content = style if self.content is self.style else self.content(images)
        return {name: style[name] for name in self.style_layers}, {name: content[name] for name in self.content_layers}

    @cached_property
    def geometry(self) -> Geometry:
        """Of all layers, measured when it is first needed; see `tiling.measure`."""
        found = measure(self.style, self.style.device)
        return found if self.content is self.style else _both(found, measure(self.content, self.content.device))

    def stride(self, layer: str, content: bool = False) -> int:
        """The pixels between two positions of a layer."""
        return self.geometry.strides[f"content {layer}" if content and self.content is not self.style else layer]


def _both(style: Geometry, content: Geometry) -> Geometry:
    renamed = {f"content {name}": stride for name, stride in content.strides.items()}  # both may have a "layer1"
    return style.joined(Geometry(renamed, content.reach))


@dataclass(frozen=True)
class StyleTerm:
    """The distance of the statistics of one layer in one region from those of one style, times `weight`."""

    layer: str
    region: int
    loss: Callable[[Statistics], Tensor]
    weight: float


@dataclass(frozen=True)
class StyleObjective:
    """The loss of an image.

    Attributes:
        reader: where its features come from.
        terms: what its statistics are compared with.
        regions: soft masks `(1, 1, H, W)` under which statistics are taken; None is the whole image.
        content: the content's features, those of each tile's core by layer; one entry where there are no tiles.
        content_weights: by layer, what the sum of squared differences is multiplied by.
        smoothness: the weight of the total variation.
        tiles: None evaluates the image in one piece.
    """

    reader: Reader
    terms: list[StyleTerm]
    regions: list[Tensor | None]
    content: list[Features]
    content_weights: Mapping[str, float]
    smoothness: float = 0.0
    tiles: list[Tile] | None = field(default=None)

    def style_loss(self, found: Found) -> Tensor:
        """Σ weight · distance over the style terms."""
        return torch.stack([t.weight * t.loss(found[t.layer, t.region]) for t in self.terms]).sum()

    def content_loss(self, features: Features, number: int = 0) -> Tensor:
        """Σ weight · ‖f - f_content‖² over the content layers, of the tile of this number."""
        losses = [w * content_distance(features[name], self.content[number][name]) for name, w in self._weighted()]
        return torch.stack(losses).sum() if losses else torch.zeros((), device=self.reader.style.device)

    def _weighted(self) -> list[tuple[str, float]]:
        return [(name, weight) for name, weight in self.content_weights.items() if weight]

    def __call__(self, images: Tensor) -> tuple[Losses, Tensor]:
        """The loss of a `(1, 3, H, W)` image, and the gradient with respect to it."""
        images = images.detach().requires_grad_()
        smooth = self.smoothness * total_variation(images) if self.smoothness else torch.zeros_like(images[0, 0, 0, 0])
        if self.tiles is not None:
            gradient = torch.autograd.grad(smooth, images)[0] if self.smoothness else torch.zeros_like(images)
            style, content = self._add_tiled(images.detach(), gradient, self.tiles)
            return _losses(style, content, smooth), gradient
        style_features, content_features = self.reader(images)
        style = self.style_loss(statistics(self.reader, style_features, self.regions))
        content = self.content_loss(content_features)
        (gradient,) = torch.autograd.grad(style + content + smooth, images)
        return _losses(style, content, smooth), gradient

    def _add_tiled(self, images: Tensor, gradient: Tensor, tiles: list[Tile]) -> tuple[Tensor, Tensor]:
        """Style and content loss; their gradient is added to `gradient`.

        The style loss is a function of statistics, and those are sums over tiles. A first pass adds them up; the loss
        gives its derivatives by the sums; in a second pass each tile is lowered along them. No more than one
        tile's graph is held at any time, and the gradient is that of the whole image.
        """
        total: Found = {}
        for tile in tiles:
            with torch.no_grad():
                style_features, _ = cores(self.reader, images, tile)
            _accumulate(total, statistics(self.reader, style_features, self.regions, tile))
        style, slopes = _slopes(self.style_loss, total)
        content = torch.zeros_like(style)
        for number, tile in enumerate(tiles):
            piece = tile.cut(images).clone().requires_grad_()
            style_features, content_features = cores(self.reader, images, tile, piece)
            found = statistics(self.reader, style_features, self.regions, tile)
            here = self.content_loss(content_features, number)
            (own,) = torch.autograd.grad(here + _along(found, slopes), piece)
            tile.cut(gradient).add_(own)
            content = content + here.detach()
        return style, content


def cores(reader: Reader, images: Tensor, tile: Tile | None, piece: Tensor | None = None) -> tuple[Features, Features]:
    """Style and content features of a tile's core, or of the whole image if there is no tile."""
    if tile is None:
        return reader(images)
    style, content = reader(tile.cut(images) if piece is None else piece)
    return (
        {name: tile.core(values, reader.stride(name)) for name, values in style.items()},
        {name: tile.core(values, reader.stride(name, content=True)) for name, values in content.items()},
    )


def statistics(reader: Reader, features: Features, regions: Sequence[Tensor | None], tile: Tile | None = None) -> Found:
    """The statistics of each layer in each region."""
    return {
        (name, number): Statistics.of(
            values, None if mask is None else mask_at(mask, reader.stride(name), values, tile)
        )
        for name, values in features.items()
        for number, mask in enumerate(regions)
    }


def total_statistics(
    reader: Reader, images: Tensor, regions: Sequence[Tensor | None], tiles: list[Tile] | None
) -> tuple[Found, list[Features], dict[str, Statistics]]:
    """Of an image without gradients: statistics of style layers, content features by tile, statistics of those."""
    style: Found = {}
    content: dict[str, Statistics] = {}
    kept = []
    with torch.no_grad():
        for tile in tiles or [None]:
            style_features, content_features = cores(reader, images, tile)
            _accumulate(style, statistics(reader, style_features, regions, tile))
            _accumulate(content, {name: Statistics.of(values) for name, values in content_features.items()})
            kept.append({name: values.clone() for name, values in content_features.items()})
    return style, kept, content


def mask_at(mask: Tensor, stride: int, features: Tensor, tile: Tile | None) -> Tensor:
    """A mask of the image at the positions of features: the mean over the pixels from one position to the next."""
    shares = F.avg_pool2d(mask, stride, ceil_mode=True, count_include_pad=False)
    shares = shares if tile is None else tile.place(shares, stride)
    height, width = features.shape[2:]
    if not height * width:
        return shares[:, :, :height, :width]
    # Networks may pad by more, or less, than their strides take: positions beyond the mask take the border's share.
    rows = torch.arange(height, device=mask.device).clamp_max(shares.shape[2] - 1)
    columns = torch.arange(width, device=mask.device).clamp_max(shares.shape[3] - 1)
    return shares[:, :, rows][:, :, :, columns]


def _accumulate(total: dict, found: dict) -> None:
    for key, value in found.items():
        total[key] = total[key] + value if key in total else value


def _slopes(loss: Callable[[Found], Tensor], total: Found) -> tuple[Tensor, dict[tuple, tuple[Tensor, Tensor]]]:
    """A loss of statistics, and its derivatives by the sums in them."""
    leaves = {
        key: Statistics(s.weight, s.first.clone().requires_grad_(), s.second.clone().requires_grad_())
        for key, s in total.items()
    }
    value = loss(leaves)
    flat = [tensor for s in leaves.values() for tensor in (s.first, s.second)]
    found = torch.autograd.grad(value, flat, allow_unused=True, materialize_grads=True)
    return value.detach(), {key: (found[2 * i], found[2 * i + 1]) for i, key in enumerate(leaves)}


def _along(found: Found, slopes: dict[tuple, tuple[Tensor, Tensor]]) -> Tensor:
    """What changes with the sums of a tile as the loss does."""
    return torch.stack(
        [(s.first * slopes[k][0]).sum() + (s.second * slopes[k][1]).sum() for k, s in found.items()]
    ).sum()


def _losses(style: Tensor, content: Tensor, smoothness: Tensor) -> Losses:
    parts = [float(part.detach()) for part in (style, content, smoothness)]
    return Losses(sum(parts), *parts)
