"""What a style transfer will take, from one evaluation of a small piece of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .objective import Reader, StyleObjective
from .prepare import prepare
from .pyramid import scales, with_shorter_side
from .recipe import StylizeRecipe

PIECE = 128  # shorter side in pixels of what is measured
# Of the image, that an optimizer and its loop hold, as measured: 40 of L-BFGS's are the changes that it remembers.
COPIES = {"lbfgs": 94, "plain-lbfgs": 288, "adam": 12}
AROUND = 1.6  # times what a pass keeps for the way back: with what convolutions and gradients take on that way


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
    objective = _objective(reader, piece, small, recipe)
    once = _kept(objective, piece)  # libraries choose their kernels in the first pass
    began = time.perf_counter()
    objective(piece)
    seconds = time.perf_counter() - began
    both = torch.cat([piece, piece], dim=2)
    twice = _kept(_objective(reader, both, small, recipe), both)
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
    # What does not grow with the picture are folded weights and Gram matrices. A backbone is a copy of its network, and
    # making it takes as much again.
    grows, stays = (twice - once) / pixels, max(2 * once - twice, 0)
    memory = 2 * weights + stays + AROUND * grows * at_once + COPIES[optimizer] * 12 * height * width
    return Estimate(
        sizes, recipe.evaluations * len(sizes), seconds * passes * recipe.evaluations * total / pixels, int(memory)
    )


def _objective(reader: Reader, piece: Tensor, styles: Sequence[Tensor], recipe: StylizeRecipe) -> StyleObjective:
    return prepare(reader, piece, styles, replace(recipe, tile=0), [1.0] * len(styles), [None] * len(styles))


def _kept(objective: StyleObjective, piece: Tensor) -> int:
    """The bytes that an evaluation keeps for the way back, each tensor counted once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        objective(piece)
    return sum(kept.values())
