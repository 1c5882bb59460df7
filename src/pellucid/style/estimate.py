"""What a style transfer will take, from one evaluation of a small piece of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .objective import Reader
from .prepare import prepare
from .pyramid import scales, with_shorter_side
from .recipe import StylizeRecipe

PIECE = 128  # shorter side in pixels of what is measured
COPIES = {"lbfgs": 48, "plain-lbfgs": 208, "adam": 12}  # of the image, that an optimizer and its loop hold


@dataclass(frozen=True)
class Estimate:
    """What a transfer will take.

    Attributes:
        sizes: height and width of each scale.
        evaluations: of the loss, at most, over all scales.
        seconds: on a machine as busy as it is now.
        bytes: at the peak, without what Python and torch take for themselves.
    """

    sizes: list[tuple[int, int]]
    evaluations: int
    seconds: float
    bytes: int


def estimate(
    reader: Reader, content: Tensor, styles: Sequence[Tensor], recipe: StylizeRecipe, optimizer: str
) -> Estimate:
    """Time and memory of a transfer, in proportion to the pixels of one that is small enough to try.

    Args:
        reader: see `make_reader`.
        content: `(1, 3, H, W)`, at the size of the result.
        styles: pictures.
        recipe: settings; with tiles, memory is that of one tile with its halo.
        optimizer: "lbfgs", "plain-lbfgs" or "adam".
    """
    height, width = content.shape[2:]
    piece = with_shorter_side(content, min(PIECE, height, width))
    small = [with_shorter_side(style, min(piece.shape[2:])) for style in styles]
    objective = prepare(reader, piece, small, replace(recipe, tile=0), [1.0] * len(styles), [None] * len(styles))
    held = [0]

    def pack(tensor: Tensor) -> Tensor:
        held[0] += tensor.numel() * tensor.element_size()
        return tensor

    objective(piece)  # libraries choose their kernels in the first pass
    began = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        objective(piece)
    seconds = time.perf_counter() - began
    pixels = piece.shape[2] * piece.shape[3]
    sizes = scales(height, width, recipe.smallest)
    total = sum(h * w for h, w in sizes)
    at_once, passes = height * width, 1.0
    if recipe.tile and max(height, width) > recipe.tile:
        unit = reader.geometry.unit
        side = recipe.tile + 2 * -(-reader.geometry.reach // unit) * unit
        at_once = min(height, side) * min(width, side)
        passes = 4 / 3 * (side / recipe.tile) ** 2  # a forward pass more, and the halos
    weights = sum(
        parameter.numel() * 4
        for network in {reader.style, reader.content}
        for parameter in network.network.parameters()
    )
    image = 12 * height * width
    memory = weights + held[0] * at_once / pixels + COPIES[optimizer] * image
    return Estimate(
        sizes, recipe.evaluations * len(sizes), seconds * passes * recipe.evaluations * total / pixels, int(memory)
    )
