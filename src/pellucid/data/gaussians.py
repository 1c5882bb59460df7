"""Class Gaussians: what the seeds of generation are drawn from.

The synthesis paper (section 3.1, appendix A.7) fits a normal distribution to the downsampled images of each class,
draws from it, and enlarges the draw with nearest neighbors; their squares stay visible in what is made of it, so here
bicubic enlargement is the default. The reference code adds 1e-4 I to the covariance, and fits on test images; here the
training images are used. The paper suggests richer distributions; a class can have a mixture of a few Gaussians here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import positive_int
from ..base.devices import check_memory
from ..base.errors import InputError, shortened
from ..base.task import task
from .dataset import LabeledImages, check_labeled
from .image import Enlargement, cover, enlarge
from .principal import Principal

RIDGE = 1e-4
BLOCK = 256  # images that are read at once
KEEP = 256  # directions that are followed while images come in
THUMBNAIL = 8  # pixels a side of the images that k-means compares


@dataclass(frozen=True)
class ClassGaussians:
    """One normal distribution a class, N(mean, factors^T factors + noise I), over downsampled images, or M of them.

    Of M the Gaussian m of class k stands at k · M + m in `means`, `factors` and `noise`.

    Attributes:
        means: `(K, d)` with d = C · H/grain · W/grain.
        factors: `(K, r, d)`; a draw is mean + z^T factors + sqrt(noise) ξ with z and ξ standard normal.
        noise: `(K,)`, the isotropic part of the variance.
        shape: C, H / grain, W / grain.
        grain: how many pixels of a side became one.
        kept: the share of the variance (averaged over Gaussians) that the factors hold; the rest is isotropic.
        weights: `(K, M)`, how often a draw of a class comes from each of its Gaussians; None where each class has one.
    """

    means: Tensor
    factors: Tensor
    noise: Tensor
    shape: tuple[int, int, int]
    grain: int
    kept: float
    weights: Tensor | None = None

    def __repr__(self) -> str:
        shape, variance = " x ".join(map(str, self.shape)), f"{self.kept:.0%} of the variance"
        return f"ClassGaussians({self.classes} classes, {shape}, {self.factors.shape[1]} factors: {variance})"

    @property
    def classes(self) -> int:
        """The number of classes, K."""
        return len(self.means if self.weights is None else self.weights)

    def sample(self, labels: Tensor, generators: list[torch.Generator], enlargement: Enlargement = "bicubic") -> Tensor:
        """One image for each label, `(N,)` to `(N, C, H, W)` in [0, 1]; each image has its own generator."""
        draws = []
        for label, generator in zip(labels.tolist(), generators, strict=True):
            if not 0 <= label < self.classes:
                raise InputError(f"class {label} has no Gaussian; there are {self.classes}")
            if self.weights is not None:
                chosen = int(torch.multinomial(self.weights[label], 1, generator=generator))
                label = label * self.weights.shape[1] + chosen
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
        """The covariance matrix of a class, or of one Gaussian of several by its place, `(d, d)`; large."""
        factors = self.factors[label]
        return factors.T @ factors + self.noise[label] * torch.eye(factors.shape[1])


@task()
def fit_gaussians(
    split: LabeledImages,
    classes: int,
    grain: int = 1,
    rank: int = 48,
    size: int | None = None,
    components: int = 1,
    callback: Callable[[float], None] | None = None,
) -> ClassGaussians:
    """Fit Gaussians to each class in one streaming pass, in memory that does not grow with the images.

    Images are block-mean downsampled by `grain`. The `rank` leading eigenvectors of the covariance are kept, and the
    remaining variance becomes isotropic; a class of at most `rank` images is kept whole. See `Principal`. With several
    components the images of a class are first divided by k-means on thumbnails of 8 px, which takes 768 bytes an image.

    Args:
        split: labeled images; for a classifier that exists, of `in_order_of(classifier, data)`.
        classes: how many classes there are.
        grain: block size; the paper takes 4 for 224 px and none for CIFAR-10.
        rank: how many eigenvectors are kept of a class with more images than that.
        size: the side to which images are brought first, where the classifier's is not the split's.
        components: Gaussians a class, M.
        callback: called with the share of the classes that are fitted.

    Raises:
        InputError: a class without images, sides that `grain` does not divide, fewer different images in a class than
            components, or more numbers than memory holds.
    """
    check_labeled(split)
    height, width = split.size if size is None else (size, size)
    check_fit(split, [str(label) for label in range(classes)], grain, rank, (height, width), components)
    channels = split.batch(torch.arange(1))[0].shape[1]
    shape = (channels, height // grain, width // grain)
    sizes, fits = [], []
    for label in range(classes):
        parts = _parts(split, label, components)
        sizes.append([len(index) for index in parts])
        fits += [_fit(split, index, (height, width), grain, rank) for index in parts]
        if callback:
            callback((label + 1) / classes)
    most = max(len(factors) for _, factors, _, _ in fits)
    shares = torch.tensor(sizes).float()
    return ClassGaussians(
        means=torch.stack([mean for mean, *_ in fits]),
        factors=torch.stack([F.pad(factors, (0, 0, 0, most - len(factors))) for _, factors, _, _ in fits]),
        noise=torch.tensor([noise for _, _, noise, _ in fits]),
        shape=shape,
        grain=grain,
        kept=round(sum(kept for *_, kept in fits) / len(fits), 6),
        weights=shares / shares.sum(1, keepdim=True) if components > 1 else None,
    )


def check_fit(
    split: LabeledImages, class_names: list[str], grain: int, rank: int, size: tuple[int, int], components: int = 1
) -> None:
    """Raise `InputError` where Gaussians cannot be fitted to images of this size: before a training, not after it."""
    height, width = size
    positive_int("grain", grain)
    positive_int("rank", rank)
    positive_int("components", components)
    if height % grain or width % grain:
        raise InputError(f"grain {grain} does not divide {height} x {width}")
    counts = torch.bincount(split.labels.cpu(), minlength=len(class_names)).tolist()
    total, length, dimensions = len(class_names) * components, min(rank, max(counts)), 3 * height * width // grain**2
    check_memory(4 * total * length * dimensions, f"{total} Gaussians of {length} x {dimensions} numbers")
    empty = [name for name, count in zip(class_names, counts, strict=False) if not count]
    if empty:
        hint = "" if counts[0] else "; class numbers start at 0: do these labels start at 1?"
        raise InputError(
            f"no training images to fit a Gaussian to in class {shortened(empty)}; each class needs at least one{hint}"
        )


def usual_grain(side: int) -> int:
    """The grain of images of this side where none is asked for: 4 from 224 px on, as in the paper; else the one that
    leaves 16 px, but at least 2; or what divides the side.

    >>> usual_grain(224), usual_grain(128), usual_grain(32), usual_grain(33), usual_grain(35)
    (4, 8, 2, 3, 1)
    """
    wanted = 4 if side >= 224 else max(2, side // 16)
    return next(grain for grain in (wanted, 4, 3, 2, 1) if side % grain == 0)


def _parts(split: LabeledImages, label: int, components: int) -> list[Tensor]:
    """The numbers of the images of a class, in as many parts as there are components: those of k-means."""
    index = (split.labels == label).nonzero()[:, 0]
    if components == 1:
        return [index]
    from sklearn.cluster import KMeans

    small = (THUMBNAIL, THUMBNAIL)
    thumbnails = torch.cat([cover(split.batch(chunk)[0], small).flatten(1) for chunk in index.split(BLOCK)])
    clusters = KMeans(min(components, len(index)), n_init="auto", random_state=0).fit_predict(thumbnails.numpy())
    parts = [index[torch.as_tensor(clusters) == number] for number in range(components)]
    if not all(map(len, parts)):
        raise InputError(f"class {label} has fewer different images than {components} components; give fewer")
    return parts


def _fit(
    split: LabeledImages, index: Tensor, size: tuple[int, int], grain: int, rank: int
) -> tuple[Tensor, Tensor, float, float]:
    """Mean, factors, noise and kept share of the images with these numbers."""
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
