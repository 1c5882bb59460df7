"""Image quality against a reference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in decibels, `-10 log10 mean((x - y)²)`; `(N, C, H, W)` to `(N,)`."""
    return -10 * (images - reference).square().flatten(1).mean(1).clamp_min(1e-12).log10()


def ssim(images: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al. 2004); `(N, C, H, W)` to `(N,)`, 1 is equal.

    As in the paper, a Gaussian window of 11 pixels and standard deviation 1.5; borders are reflected and every pixel
    counts, which is what torchmetrics does too.
    """
    x, y = images.cpu().double(), reference.cpu().double()  # variances are small differences of large numbers
    channels, half = x.shape[1], min(5, x.shape[2] - 1, x.shape[3] - 1)
    line = torch.exp(-(torch.arange(-half, half + 1).to(x) ** 2) / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2).expand(channels, 1, -1, -1)
    products = F.pad(torch.cat([x, y, x * x, y * y, x * y]), (half,) * 4, mode="reflect")
    mx, my, xx, yy, xy = F.conv2d(products, window, groups=channels).chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * (xy - mx * my) + c2) / (xx - mx * mx + yy - my * my + c2)
    values = (2 * mx * my + c1) / (mx * mx + my * my + c1) * structure
    return values.flatten(1).mean(1).to(images.device, torch.float32)


def ghosting(images: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """How much of two images' detail shines through a third one at once, each `(N, C, H, W)`, to `(N,)`.

    The third image's detail is written as a · first's + b · last's, by least squares over all pixels and channels,
    and ghosting is 2 min(a, b), within [0, 1]: 1 for the average of the two, 0 if either has left no trace. Noise
    does not change it, because noise is correlated with neither. Detail is what a blur of 5 x 5 pixels takes away.
    NaN where the two have the same detail: nothing then tells whose it is.
    """
    a, b, c = (_detail(pixels).flatten(1) for pixels in (first.double(), last.double(), images.double()))
    aa, bb, ab, ac, bc = ((p * q).sum(1) for p, q in ((a, a), (b, b), (a, b), (a, c), (b, c)))
    determinant = aa * bb - ab * ab
    weights = torch.stack([bb * ac - ab * bc, aa * bc - ab * ac]) / determinant
    return torch.where(determinant > 1e-6 * aa * bb, (2 * weights.amin(0)).clamp(0, 1), torch.nan).float()


def _detail(images: Tensor) -> Tensor:
    return images - F.avg_pool2d(F.pad(images, [2] * 4, mode="reflect"), 5, stride=1)
