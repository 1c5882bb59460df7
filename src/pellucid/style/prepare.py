"""The objective of one scale: what a picture is compared with, and by what each loss is divided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .losses import STYLE_LOSSES, Statistics, total_variation
from .objective import Reader, StyleObjective, StyleTerm, total_statistics
from .recipe import StylizeRecipe
from .tiling import Tile, tiles

# A relative loss is divided by no less than these shares of what it would be for features that are all zero. A style
# that is the content differs from it by rounding alone, which must not count as a distance.
FLOOR, STYLE_FLOOR = 1e-6, 1e-3
# ... and by no less than this share of the distance to the whole style: at a strength near 0 its own is next to none.
WHOLE = 0.01
# A total variation is divided by no less than this one, of neighbors some 0.02 apart: flat content has next to none,
# and would forbid every style.
LEAST_VARIED = 1e-3


def prepare(
    reader: Reader,
    content: Tensor,
    styles: Iterable[Tensor],
    recipe: StylizeRecipe,
    weights: Sequence[float],
    masks: Sequence[Tensor | None],
) -> StyleObjective:
    """The objective for pictures at one scale.

    Args:
        reader: yields features.
        content: `(1, 3, H, W)`.
        styles: each `(1, 3, h, w)`, of any size.
        recipe: settings.
        weights: one for each style.
        masks: where each style goes, `(1, 1, H, W)`, or None for everywhere.
    """
    regions: list[Tensor | None] = []
    region_of = []
    for mask in masks:
        known = [i for i, region in enumerate(regions) if region is mask]
        region_of.append(known[0] if known else len(regions))
        regions += [] if known else [mask]
    own, kept, content_statistics = total_statistics(reader, content, regions, _tiles(reader, content, recipe))
    layer_weights = _layer_weights(reader, recipe)
    terms = []
    for style, weight, region in zip(styles, weights, region_of, strict=True):
        found, _, _ = total_statistics(reader, style, [None], _tiles(reader, style, recipe))
        for layer, layer_weight in layer_weights.items():
            here = own[layer, region]
            target = here.mixed(found[layer, 0], recipe.strength) if recipe.strength < 1 else found[layer, 0]
            loss, whole = (STYLE_LOSSES[recipe.style_loss](aim) for aim in (target, found[layer, 0]))
            scale = max(_style_scale(loss, here), WHOLE * _style_scale(whole, here)) if recipe.relative else 1.0
            terms.append(StyleTerm(layer, region, loss, recipe.style_weight * weight * layer_weight / scale))
    varied = float(total_variation(content))
    return StyleObjective(
        reader,
        terms,
        regions,
        kept,
        {layer: _content_weight(recipe, s, len(reader.content_layers)) for layer, s in content_statistics.items()},
        recipe.smoothness / (max(varied, LEAST_VARIED) if recipe.relative else 1.0),
        _tiles(reader, content, recipe),
    )


def _tiles(reader: Reader, images: Tensor, recipe: StylizeRecipe) -> list[Tile] | None:
    height, width = images.shape[2:]
    if not recipe.tile or max(height, width) <= recipe.tile:
        return None
    return tiles(height, width, recipe.tile, reader.geometry)


def _layer_weights(reader: Reader, recipe: StylizeRecipe) -> dict[str, float]:
    """Weights that sum to 1 if losses are relative; otherwise as given, and 1 each if not."""
    layers = reader.style_layers
    given = recipe.layer_weights or (1.0,) * len(layers)
    total = sum(given) if recipe.relative else 1.0
    return {layer: weight / total for layer, weight in zip(layers, given, strict=True)}


def _style_scale(loss, here: Statistics) -> float:
    zero = Statistics(torch.ones_like(here.weight), torch.zeros_like(here.first), torch.zeros_like(here.second))
    return max(float(loss(here)), STYLE_FLOOR * float(loss(zero)), 1e-30)


def _content_weight(recipe: StylizeRecipe, statistics: Statistics, layers: int) -> float:
    """For a sum of squares, so that the loss is a mean over elements, divided by their variance if it is relative."""
    elements = float(statistics.weight) * len(statistics.first)
    if not recipe.relative:
        return recipe.content_weight / elements
    variance = float(statistics.covariance.diagonal().mean())
    floor = FLOOR * float(statistics.moment.diagonal().mean())
    return recipe.content_weight / (elements * layers * max(variance, floor, 1e-30))
