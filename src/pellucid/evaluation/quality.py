"""How good generated images are as a set: Inception Score, FID, KID, precision and recall."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor, nn

from ..base.checks import positive_int
from ..base.errors import InputError, warn
from ..base.pictures import Table
from ..base.recipes import Recipe, checked
from ..base.task import task
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages, Split, check_labeled
from ..data.draw import drawn
from ..zoo.models import fingerprint
from .features import feature_reader, read_features
from .inception import Inception

if TYPE_CHECKING:
    from typing_extensions import Unpack

ROWS = 1000  # of a matrix of distances at once


@dataclass(frozen=True)
class QualityRecipe(Recipe):
    """Settings of `quality`; the defaults are those of the papers."""

    splits: int = 10
    """The Inception Score is taken in each of so many parts (Salimans et al. 2016)."""
    subsets: int = 100
    """KID is taken over so many random subsets."""
    subset_size: int = 1000
    """Images of a subset; at most half of the images that there are."""
    neighbors: int = 3
    """k of precision and recall: the radius of a ball is the distance to the k-th nearest image of its own set."""
    kept: int = 10_000
    """KID, precision and recall hold the features of at most so many images of each set, drawn evenly by the seed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in asdict(self).items():
            positive_int(name, value)
        if self.kept < max(4, self.neighbors + 1):
            raise InputError(f"kept must be at least {max(4, self.neighbors + 1)}, not {self.kept}")


class QualitySettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `quality`."""

    splits: int
    subsets: int
    subset_size: int
    neighbors: int
    kept: int


@dataclass(frozen=True, repr=False)
class Quality(Table):
    """The result of `quality`.

    Attributes:
        inception_score: mean over the splits; higher is better, at least 1, at most the number of classes.
        inception_score_std: standard deviation over the splits.
        fid: squared distance of two Gaussians; lower is better; None where there are too few images.
        kid: mean over the subsets; lower is better, 0 for equal distributions, and below it by chance.
        kid_std: standard deviation over the subsets.
        precision: share of the generated images that lie among real ones.
        recall: share of the real images that lie among generated ones.
        count: how many generated images.
        real_count: how many real images.
        features: whose features these numbers are of. Under others than "inception" none compares with published ones.
        settings: the recipe and the seed.
    """

    inception_score: float
    inception_score_std: float
    fid: float | None
    kid: float
    kid_std: float
    precision: float
    recall: float
    count: int
    real_count: int
    features: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def comparable(self) -> bool:
        """Whether the numbers compare with published ones, which are of Inception's features."""
        return self.features == "inception"

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        rows = [
            ("Inception Score", f"{self.inception_score:.3f} ± {self.inception_score_std:.3f}"),
            ("FID", "too few images" if self.fid is None else f"{self.fid:.2f}"),
            ("KID", f"{self.kid:.5f} ± {self.kid_std:.5f}"),
            ("precision", f"{self.precision:.3f}"),
            ("recall", f"{self.recall:.3f}"),
        ]
        return (f"{self.count} images against {self.real_count}", f"features of {self.features}"), rows

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**asdict(self), "comparable_with_published": self.comparable}


@task(QualityRecipe)
def quality(
    made: LabeledImages | Tensor,
    real: LabeledImages | Tensor,
    features: Classifier | Inception,
    recipe: QualityRecipe | None = None,
    *,
    name: str | None = None,
    seed: int = 0,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[QualitySettings],
) -> Quality:
    """Compare generated images with real ones under a network's features f (its representation) and p(y | x).

    Inception Score (Salimans et al. 2016), of generated images alone:   exp E KL(p(y | x) || p(y)).
    FID (Heusel et al. 2017):   |m - m'|² + tr(S + S' - 2 (S S')^½), with mean m and covariance S of f.
    KID (Binkowski et al. 2018):   the unbiased squared MMD of f under k(a, b) = (a · b / d + 1)³.
    Precision, recall (Kynkäänniemi et al. 2019):   the share of one set within the balls around the other's images.

    Images are read once, some at a time, and sums are float64. What grows with the images: their logits, and up to
    `kept` images' features. FID holds d² numbers a set.

    Args:
        made: generated images: a split such as `load_data(...).train`, or `(N, 3, H, W)` in [0, 1].
        real: real images, likewise; both are brought to the size of the classifier.
        features: a classifier, or `Inception()` for the published features.
        recipe: splits, subsets, neighbors.
        name: of the features, in the result; begins with "classifier" and its sha256 if not given.
        seed: of the images that are kept, the splits and the subsets.
        callback: called with the share of the images that were read.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: fewer than two images a split, features that are not finite, images of a wrong kind.

    Warns:
        UserWarning: FID is left out where there are no more images than features.

    >>> import pellucid as pl
    >>> images = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> found = quality(images[:20], images[20:], pl.load("cifar10-l2-0.5", "cpu"), QualityRecipe(subsets=2))
    >>> found.fid is None, found.comparable, found.inception_score >= 1  # 20 images are too few for FID
    (True, False, True)
    """
    recipe = checked(recipe, QualityRecipe)
    sets = {"generated": _split(made), "real": _split(real)}
    least = max(2 * recipe.splits, recipe.neighbors + 1)
    for which, images in sets.items():
        if len(images) < least:
            raise InputError(f"{len(images)} {which} images are too few; give at least {least}")
    example, _ = sets["generated"].batch(slice(0, 1))
    read = feature_reader(features, example)
    width = read(example)[0].shape[1]
    side = features.size or example.shape[2]
    batch = at_once(torch.empty(0, 3, side, side, device=features.device))
    fewest, everything = min(map(len, sets.values())), sum(map(len, sets.values()))
    metrics, few, done = _Metrics(width, recipe, fewest), {}, 0
    for which, images in sets.items():
        keep = torch.zeros(len(images), dtype=torch.bool)
        keep[drawn(images.labels, recipe.kept, seed)] = True
        rows = []
        for index, values, logits in read_features(read, images, batch):
            metrics.update(values, logits, which == "real")
            rows.append(values[keep[index]])
            done += len(index)
            if callback is not None:
                callback(done / everything)
        few[which] = torch.cat(rows)
    inception_score, inception_score_std, fid, kid, kid_std = metrics.compute(few, seed)
    if fid is None:
        warn(
            f"FID is left out: its covariances need more images than there are features ({width}), and the smaller set "
            f"has {fewest}; KID is right with few"
        )
    return Quality(
        inception_score,
        inception_score_std,
        fid,
        kid,
        kid_std,
        precision=share_within(few["generated"], few["real"], recipe.neighbors),
        recall=share_within(few["real"], few["generated"], recipe.neighbors),
        count=len(sets["generated"]),
        real_count=len(sets["real"]),
        features=_name(features, name),
        settings={**asdict(recipe), "seed": seed},
    )


def share_within(points: Tensor, of: Tensor, neighbors: int) -> float:
    """The share of `points` within the union of balls around `of`, each as large as the way to its k-th neighbor.

    >>> of = torch.tensor([[0.0], [1.0], [3.0]])  # radii 1, 1 and 2
    >>> share_within(torch.tensor([[-0.9], [2.5], [-1.1], [6.0]]), of, neighbors=1)
    0.5
    """
    radii = torch.cat([torch.cdist(some, of).kthvalue(neighbors + 1).values for some in of.split(ROWS)])
    within = torch.cat([(torch.cdist(some, of) <= radii).any(1) for some in points.split(ROWS)])
    return float(within.double().mean())


class _Given(nn.Module):
    """Takes the place of the network that torchmetrics would run on images: here it is given what a network read."""

    def __init__(self, width: int):
        super().__init__()
        self.num_features = width

    def forward(self, values: Tensor) -> Tensor:
        return values


class _Metrics:
    """The three metrics of torchmetrics, which share one pass of the network."""

    def __init__(self, width: int, recipe: QualityRecipe, fewest: int):
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.inception import InceptionScore
        from torchmetrics.image.kid import KernelInceptionDistance

        given = _Given(width)
        size = min(recipe.subset_size, recipe.kept // 2, fewest // 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that features are held
            self.score = InceptionScore(given, recipe.splits)
            self.kid = KernelInceptionDistance(given, recipe.subsets, size)
        self.fid = FrechetInceptionDistance(given) if fewest > width else None

    def update(self, values: Tensor, logits: Tensor, real: bool) -> None:
        if self.fid is not None:
            self.fid.update(values, real)
        if not real:
            self.score.update(logits)

    def compute(self, few: dict[str, Tensor], seed: int) -> tuple[float, float, float | None, float, float]:
        """Inception Score with its deviation, FID, and KID with its deviation, of the features that were kept."""
        for which, values in few.items():
            self.kid.update(values, which == "real")
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that one split has no deviation
            torch.manual_seed(seed)
            score, kid = [[float(value) for value in metric.compute()] for metric in (self.score, self.kid)]
        return score[0], score[1], None if self.fid is None else float(self.fid.compute()), kid[0], kid[1]


def _split(images: LabeledImages | Tensor) -> LabeledImages:
    split = Split(images, torch.zeros(len(images), dtype=torch.int64)) if isinstance(images, Tensor) else images
    check_labeled(split)
    return split


def _name(features: Classifier | Inception, name: str | None) -> str:
    if isinstance(features, Inception):
        return "inception"
    return name or f"classifier {fingerprint(features)[:12]}"
