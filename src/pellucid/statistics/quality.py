"""How near images are to what they should be, by method."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..core.classifier import Classifier
from ..data.quality import psnr, ssim
from .judge import perceptual
from .table import Values


def fidelity(made: Mapping[str, Tensor], real: Tensor) -> Values:
    """PSNR and SSIM of `(N, 3, H, W)` images of every method."""
    return {
        "PSNR, dB": {name: psnr(images, real) for name, images in made.items()},
        "SSIM": {name: ssim(images, real) for name, images in made.items()},
    }


def perceived(made: Mapping[str, Tensor], real: Tensor, judge: Classifier | None) -> Values:
    """The perceptual distance of every method's images, if there is a judge."""
    if judge is None:
        return {}
    return {"perceptual distance": {name: perceptual(judge, images, real) for name, images in made.items()}}
