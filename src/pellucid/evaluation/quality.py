"""Image quality against a reference."""

from __future__ import annotations

from torch import Tensor


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in decibels, `-10 log10 mean((x - y)²)`; `(N, C, H, W)` to `(N,)`."""
    return -10 * (images - reference).square().flatten(1).mean(1).clamp_min(1e-12).log10()


def ssim(images: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al. 2004) by torchmetrics; `(N, C, H, W)` to `(N,)`, 1 is equal."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(images, reference, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(len(images))
