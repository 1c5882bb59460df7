"""Where a synthesis begins: class Gaussian seeds, noise, gray, or a pattern."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.batch import draw, generators
from ..core.classifier import Classifier
from ..data.image import Enlargement, side
from ..data.patterns import PATTERNS

Start = Literal["gaussian", "noise", "gray", "gradient", "spots", "kaleidoscope"]
NO_GAUSSIANS = (
    "this classifier has no class Gaussians; start from noise (start='noise') or gray instead, or fit some to images "
    "of its classes: pellucid gaussians --model NAME --data FOLDER --out FILE, then generate --gaussians FILE"
)


def seeds(
    classifier: Classifier,
    labels: Tensor,
    kind: Start = "gaussian",
    seed: int = 0,
    mixture: dict[str, float] | None = None,
    enlargement: Enlargement = "bicubic",
    first: int = 0,
) -> Tensor:
    """A start for each label: `(N,)` to `(N, C, S, S)` in [0, 1].

    Args:
        classifier: its class Gaussians and size.
        labels: the intended classes.
        kind: "gaussian" draws from the class Gaussian of each label; "noise" is the reference code's
            N(0.5, 0.05²); "gray" is 0.5 everywhere; the others are those of `pellucid.data.patterns`.
        seed: image number i has its own stream of it, whatever else is drawn.
        mixture: draw from these classes' Gaussians with these weights instead.
        enlargement: of a draw whose resolution is lower than the classifier's.
        first: the number of the first image.
    """
    rng = generators(seed, len(labels), first)
    if kind == "gaussian":
        if classifier.gaussians is None:
            raise InputError(NO_GAUSSIANS)
        if mixture:
            weights = {classifier.label(name): weight for name, weight in mixture.items()}
            return classifier.gaussians.mixture(weights, len(labels), rng, enlargement)
        return classifier.gaussians.sample(labels, rng, enlargement)
    if kind in PATTERNS:
        return torch.stack([PATTERNS[kind](side(classifier), generator) for generator in rng])
    blank = torch.full((len(labels), classifier.mean.shape[1], side(classifier), side(classifier)), 0.5)
    return (blank + draw(torch.randn, blank, rng) / 20).clamp(0, 1) if kind == "noise" else blank
