"""Class Gaussians: what the seeds of generation are drawn from.

The synthesis paper (section 3.1, appendix A.7) fits a normal distribution to the downsampled images of each class,
draws from it, and enlarges the draw with nearest neighbors; their squares stay visible in what is made of it, so here
bicubic enlargement is the default. The reference code adds 1e-4 I to the covariance, and fits on test images; here the
training images are used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import positive_int
from ..base.errors import InputError, shortened
from .dataset import LabeledImages, check_labeled
from .image import Enlargement, cover, enlarge
from .principal import Principal

RIDGE = 1e-4
BLOCK = 256  # images that are read at once
KEEP = 256  # directions that are followed while images come in


@dataclass(frozen=True)
class ClassGaussians:
    """One normal distribution a class, N(mean, factors^T factors + noise I), over downsampled images.

    Attributes:
        means: `(K, d)` with d = C · H/grain · W/grain.
        factors: `(K, r, d)`; a draw is mean + z^T factors + sqrt(noise) ξ with z and ξ standard normal.
        noise: `(K,)`, the isotropic part of the variance.
        shape: C, H / grain, W / grain.
        grain: how many pixels of a side became one.
        kept: the share of the variance (averaged over classes) that the factors hold; the rest is isotropic.
    """

    means: Tensor
    factors: Tensor
    noise: Tensor
    shape: tuple[int, int, int]
    grain: int
    kept: float

    def sample(self, labels: Tensor, generators: list[torch.Generator], enlargement: Enlargement = "bicubic") -> Tensor:
        """One image for each label, `(N,)` to `(N, C, H, W)` in [0, 1]; each image has its own generator."""
        draws = []
        for label, generator in zip(labels.tolist(), generators, strict=True):
            if not 0 <= label < len(self.means):
                raise InputError(f"class {label} has no Gaussian; there are {len(self.means)}")
            z = torch.randn(self.factors.shape[1], generator=generator)
            noise = torch.randn(self.means.shape[1], generator=generator)
            draws.append(self.means[label] + z @ self.factors[label] + self.noise[label].sqrt() * noise)
        small = torch.stack(draws).reshape(-1, *self.shape).clamp(0, 1)
        _, height, width = self.shape
        return small if self.grain == 1 else enlarge(small, (height * self.grain, width * self.grain), enlargement)

    def mixture(
        self,
        weights: dict[int, float],
        count: int,
        generators: list[torch.Generator],
        enlargement: Enlargement = "bicubic",
    ) -> Tensor:
        """`count` images from a mixture of classes: each image comes from one of them, chosen with these weights."""
        if not weights or min(weights.values()) < 0 or not 0 < sum(weights.values()) < math.inf:
            raise InputError("mixture weights must be at least 0, and not all 0")
        shares = torch.tensor(list(weights.values()), dtype=torch.float64)
        chosen = [int(torch.multinomial(shares, 1, generator=g)) for g in generators[:count]]
        return self.sample(torch.tensor([list(weights)[i] for i in chosen]), generators[:count], enlargement)

    def covariance(self, label: int) -> Tensor:
        """The covariance matrix of a class, `(d, d)`; large."""
        factors = self.factors[label]
        return factors.T @ factors + self.noise[label] * torch.eye(factors.shape[1])


def fit_gaussians(
    split: LabeledImages, classes: int, grain: int = 1, rank: int = 48, size: int | None = None
) -> ClassGaussians:
    """Fit a Gaussian to each class in one streaming pass, in memory that does not grow with the images.

    Images are block-mean downsampled by `grain`. The `rank` leading eigenvectors of the covariance are kept, and the
    remaining variance becomes isotropic; a class of at most `rank` images is kept whole. See `Principal`.

    Args:
        split: labeled images.
        classes: how many classes there are.
        grain: block size; the paper takes 4 for 224 px and none for CIFAR-10.
        rank: how many eigenvectors are kept of a class with more images than that.
        size: the side to which images are brought first, where the classifier's is not the split's.

    Raises:
        InputError: a class without images, or sides that `grain` does not divide.
    """
    check_labeled(split)
    height, width = split.size if size is None else (size, size)
    check_fit(split, [str(label) for label in range(classes)], grain, rank, (height, width))
    shape = (3, height // grain, width // grain)
    fits = [_fit(split, label, (height, width), grain, rank) for label in range(classes)]
    most = max(len(factors) for _, factors, _, _ in fits)
    return ClassGaussians(
        means=torch.stack([mean for mean, *_ in fits]),
        factors=torch.stack([F.pad(factors, (0, 0, 0, most - len(factors))) for _, factors, _, _ in fits]),
        noise=torch.tensor([noise for _, _, noise, _ in fits]),
        shape=shape,
        grain=grain,
        kept=round(sum(kept for *_, kept in fits) / classes, 6),
    )


def check_fit(split: LabeledImages, class_names: list[str], grain: int, rank: int, size: tuple[int, int]) -> None:
    """Raise `InputError` where Gaussians cannot be fitted to images of this size: before a training, not after it."""
    height, width = size
    positive_int("grain", grain)
    positive_int("rank", rank)
    if height % grain or width % grain:
        raise InputError(f"grain {grain} does not divide {height} x {width}")
    counts = torch.bincount(split.labels.cpu(), minlength=len(class_names)).tolist()
    empty = [name for name, count in zip(class_names, counts, strict=False) if not count]
    if empty:
        raise InputError(
            f"no training images to fit a Gaussian to in class {shortened(empty)}; each class needs at least one"
        )


def usual_grain(side: int) -> int:
    """The grain of images of this side where none is asked for: 4 from 224 px on, as in the paper, else 2, or what
    divides the side.

    >>> usual_grain(224), usual_grain(32), usual_grain(33), usual_grain(35)
    (4, 2, 3, 1)
    """
    return next(grain for grain in (4, 2, 3, 1) if side % grain == 0 and (grain < 4 or side >= 224))


def _fit(
    split: LabeledImages, label: int, size: tuple[int, int], grain: int, rank: int
) -> tuple[Tensor, Tensor, float, float]:
    """Mean, factors, noise and kept share of one class."""
    index = (split.labels == label).nonzero()[:, 0]
    found = Principal(keep=max(KEEP, 2 * rank))
    for chunk in index.split(BLOCK):
        found.add(F.avg_pool2d(cover(split.batch(chunk)[0], size), grain).flatten(1))
    dimensions = len(found.mean)
    values, vectors = found.leading(min(rank, len(index), dimensions))
    held = float(values.sum())
    rest = max(found.variance - held, 0.0) / max(dimensions - len(values), 1)
    # The isotropic part lies along the factors too; what they hold is reduced by it, so that variances stay right.
    factors = vectors * (values - rest).clamp_min(0).sqrt()[:, None]
    kept = min(held / found.variance, 1.0) if found.variance else 1.0
    return found.mean.float(), factors, rest + RIDGE, kept
