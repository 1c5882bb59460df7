"""Pictures to begin with."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ...base.errors import InputError
from ...core.batch import draw, generators
from ...synthesis.start import seeds
from ..kept.loaded import Loaded

Start = Literal["class", "noise", "blank"]


def beginning(loaded: Loaded, kind: Start, label: str | None, seed: int) -> Tensor:
    """A picture to begin with, `(3, S, S)`: a draw from a class's Gaussian, noise, or white."""
    blank = torch.ones(3, loaded.side, loaded.side)
    if kind == "blank":
        return blank
    if kind == "noise":
        rng = generators(seed, 1)
        return (0.5 + draw(torch.randn, blank[None], rng)[0] / 5).clamp(0, 1)
    if label is None:
        raise InputError("say which class the picture is to be drawn from")
    return seeds(loaded.classifier, loaded.classifier.labels(label), seed=seed)[0]
