"""What surrounds a hole, continued into it: early features copied from where the image looks most alike.

The statistics of early layers say which textures go together, and a robust network's early layers can be inverted. So
the filling is found from coarse to fine: for every position in the hole take the visible position whose features are
nearest, and descend on the distance to the features there. (Compare texture synthesis by example, Kwatra et al. 2005,
and its features, Li and Wand 2016.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..base.layers import unit_axis
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..core.objective import Objective
from ..core.reading import Activations, frozen_twin

COARSEST, FINEST = 16, 64  # positions along the shorter side of the layers in which is searched


@dataclass(frozen=True)
class Level:
    """One layer of the pyramid: its module path, and the pixels between two of its positions."""

    layer: str
    stride: int


@dataclass(frozen=True)
class Copied(Objective):
    """Σ over the hole of ‖φ(x) - target‖², as a share of the variance of the target: a layer's features copied.

    Attributes:
        layer: φ, whose positions are a whole number of pixels apart.
        target: `(N, C, h, w)`.
        hole: `(N, 1, h, w)`, 1 where the target counts.
    """

    layer: str
    target: Tensor
    hole: Tensor

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        difference = (activations[self.layer] - self.target).square() * self.hole
        spread = self.target.var((2, 3)).sum(1) * self.hole.sum((1, 2, 3))
        return difference.sum((1, 2, 3)) / spread.clamp_min(1e-12)


@torch.no_grad()
def pyramid(classifier: Classifier, images: Tensor) -> list[Level]:
    """The layers that images are compared in, from fine to coarse: of each stride the last one that has it.

    Raises:
        InputError: a network without such layers: it needs channels at positions a whole number of pixels apart.
    """
    twin, last = frozen_twin(classifier.network), {}
    height, width = images.shape[2:]

    def note(path: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and unit_axis(twin, path, 4) == 1:
            h, w = output.shape[2:]
            if height % h == 0 and h * width == w * height:
                last[height // h] = path

    for path, module in twin.named_modules():
        module.register_forward_hook(lambda module, args, output, path=path: note(path, output))
    twin((images[:1].to(classifier.device) - classifier.mean) / classifier.std)
    levels = [Level(last[stride], stride) for stride in sorted(last)]
    fine = [level for level in levels if min(height, width) // level.stride >= COARSEST] or levels[:1]
    if not fine:
        raise InputError(f"{type(classifier.network).__name__} has no maps of features to copy "
                         "surroundings; say --surroundings 0")  # fmt: skip
    return fine


def continued(classifier: Classifier, images: Tensor, mask: Tensor, search: Level, kept: Sequence[Level]) -> Objective:
    """The mean over some levels of `Copied`, from where one level finds the nearest features.

    Raises:
        InputError: an image whose mask leaves nothing to copy from.
    """
    values = features(classifier, images, [search.layer, *(level.layer for level in kept)])
    source = nearest(values[search.layer], _positions(mask, search.stride))
    terms = [Copied(level.layer, copied(values[level.layer], source), _positions(mask, level.stride)) for level in kept]
    total: Objective = terms[0]
    for term in terms[1:]:
        total = total + term
    return total / len(terms)


def _positions(mask: Tensor, stride: int) -> Tensor:
    """`(N, 1, h, w)`, 1 where a position sees some of the hole."""
    return F.max_pool2d((mask > 0).float(), stride)


@torch.no_grad()
def features(classifier: Classifier, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
    """The layers of all images."""
    read = classifier.reader(frozenset(layers))
    parts = [read(part).layers for part in images.split(at_once(images))]
    return {layer: torch.cat([part[layer] for part in parts]) for layer in layers}


@torch.no_grad()
def nearest(found: Tensor, hole: Tensor) -> Tensor:
    """For each position the one to copy from: itself outside the hole, else the visible one with the nearest patch.

    Patches are 3 x 3 positions; those to copy from do not touch the hole.

    Args:
        found: `(N, C, h, w)` features.
        hole: `(N, 1, h, w)`, 1 in the hole.

    Returns:
        `(N, h, w)` numbers of positions, row by row.

    Raises:
        InputError: an image leaves nothing to copy from.
    """
    count, _, height, width = found.shape
    patches = F.unfold(F.pad(found, (1, 1, 1, 1), mode="replicate"), 3)
    clear = F.max_pool2d(hole, 3, 1, 1).flatten(1) == 0
    hidden = hole.flatten(1) > 0
    source = torch.arange(height * width, device=found.device).repeat(count, 1)
    for row in range(count):
        free = clear[row].nonzero()[:, 0]
        if not len(free):
            raise InputError("the mask leaves too little around the hole to copy from; say --surroundings 0")
        distance = torch.cdist(patches[row, :, hidden[row]].T, patches[row, :, free].T)
        source[row, hidden[row]] = free[distance.argmin(1)]
    return source.reshape(count, height, width)


def copied(values: Tensor, source: Tensor) -> Tensor:
    """A layer's features `(N, C, H, W)`, each taken from where `source`, `(N, h, w)`, points.

    A layer finer than the search follows it in blocks; of a coarser one every block takes what its middle points to.
    """
    height, width = values.shape[2:]
    h, w = source.shape[1:]
    if height < h:
        skip = h // height
        source = source[:, skip // 2 :: skip, skip // 2 :: skip]
        source = source // w // skip * width + source % w // skip
        h, w = height, width
    block = height // h
    rows, columns = (_blocks(part, block) for part in (source // w * block, source % w * block))
    rows = rows + (torch.arange(height, device=values.device) % block)[:, None]
    columns = columns + torch.arange(width, device=values.device) % block
    index = (rows * width + columns).flatten(1)[:, None].expand(-1, values.shape[1], -1)
    return values.flatten(2).gather(2, index).reshape(values.shape)


def _blocks(values: Tensor, side: int) -> Tensor:
    return values.repeat_interleave(side, 1).repeat_interleave(side, 2)
