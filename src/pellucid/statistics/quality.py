"""How near images are to what they should be, by method."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..core.classifier import Classifier
from ..data.quality import psnr, ssim
from ..evaluation.perceptual import perceptual_distance
from .table import Values


def fidelity(made: Mapping[str, Tensor], real: Tensor) -> Values:
    """PSNR and SSIM of `(N, 3, H, W)` images of every method."""
    return {
        "PSNR, dB": {name: psnr(images, real) for name, images in made.items()},
        "SSIM": {name: ssim(images, real) for name, images in made.items()},
    }


def perceived(made: Mapping[str, Tensor], real: Tensor, judge: Classifier | None) -> Values:
    """The perceptual distance of every method's images over all named layers of the judge, if there is one."""
    if judge is None:
        return {}
    layers = tuple(judge.layers)
    return {"perceptual distance": {n: perceptual_distance(judge, images, real, layers) for n, images in made.items()}}
