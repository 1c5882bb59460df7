"""Sets of generated images and how good they are under several networks: Inception Score, FID, KID."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from zlib import crc32

import torch
from torch import Tensor

from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.parts import Parts
from ..evaluation.quality import Quality, QualityRecipe, quality
from ..synthesis.generate import GenerateRecipe, generate
from ..synthesis.start import seeds
from ..synthesis.toward import PLAIN
from ..zoo.checksum import cache_folder
from ..zoo.models import fingerprint
from .entry import Claim, Finding, Interval, Table
from .published.tables import table
from .scene import Scene

REAL, SEEDS = "real images", "seeds alone"
WHAT = (
    "Samples of all classes alike from the same seeds, under the features and the logits of several networks. Numbers "
    "under other features than Inception's do not compare with the published ones."
)


def inception_scores(scene: Scene) -> Finding:
    """Inception Scores of samples under the network that made them, and under others."""
    found = qualities(scene)
    readers = list(found)
    sets = list(found[readers[0]])
    rows = [(name, *(score(found[reader][name]) for reader in readers)) for name in sets]
    printed = [(f"{images}, {data}, published", scored) for data, images, scored, _ in table("synthesis-table-1").rows]
    claims = []
    if len(scene.classifiers) > 1:
        own, other = list(scene.classifiers)[1], readers[-1] if scene.judge is not None else scene.name
        high, low = (share(found[reader][own], found[reader][REAL]) for reader in (own, other))
        says = f"The score of {own}'s samples beside that of real images is higher under itself than under {other}"
        claims = [Claim(says, minus(high, low))]
    return Finding(
        WHAT,
        table=Table(("images", *(f"IS under {reader}" for reader in readers)),
                    [*rows, *((*row, *[None] * (len(readers) - 1)) for row in printed)]),
        claims=claims,
        command=f"generate --model {scene.name} --count 50 --out samples.npz",
        python="pl.quality(samples, real, features)",
    )  # fmt: skip


def distances(scene: Scene) -> Finding:
    """FID and KID of samples under one network that had no part in them, if there is one."""
    reader, found = list(qualities(scene).items())[-1]
    rows = [(name, q.fid, Interval(q.kid, *around(q.kid, q.kid_std / 100**0.5)), q.precision, q.recall)
            for name, q in found.items()]  # fmt: skip
    printed = [(f"{images}, {data}, published", distance, None, None, None)
               for data, images, distance in table("synthesis-fid").rows]  # fmt: skip
    columns = ("images", "FID", "KID", "precision", "recall")
    return Finding(
        f"{WHAT} Here under {reader}. FID is left out where there are no more images than features.",
        table=Table(columns, [*rows, *printed]),
        command=f"generate --model {scene.name} --count 50 --out samples.npz",
        python="pl.quality(samples, real, features)",
    )


@dataclass(frozen=True)
class Samples:
    """Samples as labeled images: each batch is made when it is first read, and kept in a folder.

    Attributes:
        numbers: `(N,)`; a sample depends on its number and label alone.
        labels: `(N,)`.
        size: H and W.
        make: from numbers and labels to `(n, 3, H, W)` in [0, 1].
        of: what else the samples depend on.
    """

    numbers: Tensor
    labels: Tensor
    size: tuple[int, int]
    make: Callable[[Tensor, Tensor], Tensor]
    of: str

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, number: int) -> str:
        """The sample's number."""
        return str(int(self.numbers[number]))

    def raw(self, index: Tensor | slice) -> Tensor:
        """The samples at `index`, rounded to 8 bits as they would be in files."""
        numbers, labels = self.numbers[index], self.labels[index]
        of = sha256(f"{self.of} {numbers.tolist()} {labels.tolist()}".encode()).hexdigest()
        parts = Parts(cache_folder() / "samples")
        return parts.get(of, lambda: {"images": (self.make(numbers, labels).cpu() * 255).round().byte()}, of)["images"]

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The samples at `index` as float32 in [0, 1], and their labels."""
        return self.raw(index).float() / 255, self.labels[index]

    def subset(self, index: Tensor, labels: Tensor) -> Samples:
        """The samples at `index` with other labels."""
        return replace(self, numbers=self.numbers[index], labels=labels)

    def order(self, generator: torch.Generator) -> Tensor:
        """A random permutation."""
        return torch.randperm(len(self), generator=generator)


def sampled(scene: Scene, classifier: Classifier | None = None, how: GenerateRecipe | None = None) -> Samples:
    """Samples of all classes alike, which begin with the scene's seeds; those seeds alone without a classifier."""
    classes = scene.classifier.classes
    labels = torch.arange(classes).repeat(scene.by_scale(2, 20, 50_000 // classes))

    def make(numbers: Tensor, label: Tensor) -> Tensor:
        each = zip(label[:, None], numbers.tolist(), strict=True)
        start = torch.cat([seeds(scene.classifier, one, seed=scene.seed, first=number) for one, number in each])
        if classifier is None:
            return start
        return generate(classifier, label, how, start=start, **scene.options).images

    made_of = [None if one is None else fingerprint(one) for one in (scene.classifier, classifier)]
    of = f"{made_of} {crc32(scene.classifier.gaussians.means.numpy())} {how} {scene.options}"
    return Samples(torch.arange(len(labels)), labels, (scene.size, scene.size), make, of)


@lru_cache(maxsize=1)
def qualities(scene: Scene) -> dict[str, dict[str, Quality]]:
    """Network that looks -> set of images -> its quality beside real images; no set is in memory whole."""
    images = scene.part(len(scene.measured))
    real, others = (images.subset(index, images.labels[index]) for index in torch.arange(len(images)).tensor_split(2))
    sets: dict[str, LabeledImages] = {REAL: others, SEEDS: sampled(scene)}
    for name, classifier in scene.classifiers.items():
        sets[name] = sampled(scene, classifier, GenerateRecipe())
        sets[f"{name}, plain steps"] = sampled(scene, classifier, GenerateRecipe(sigmas=PLAIN))
    readers: dict[str, Classifier] = dict(scene.classifiers)
    if scene.judge is not None:
        readers["the judge"] = scene.judge
    how = QualityRecipe(splits=scene.by_scale(2, 10, 10), subsets=100)
    return {
        reader: {
            name: quality(images, real, classifier, how, name=reader, seed=scene.seed) for name, images in sets.items()
        }
        for reader, classifier in readers.items()
    }


def score(found: Quality) -> Interval:
    """The Inception Score, with the error of its mean over the splits."""
    error = found.inception_score_std / found.settings["splits"] ** 0.5
    return Interval(found.inception_score, *around(found.inception_score, error))


def share(found: Quality, real: Quality) -> Interval:
    """The score as a share of that of real images."""
    own, whole = score(found), real.inception_score
    return Interval(own.value / whole, own.low / whole, own.high / whole)


def minus(first: Interval, second: Interval) -> Interval:
    """The difference of two numbers with independent errors."""
    half = ((first.high - first.value) ** 2 + (second.high - second.value) ** 2) ** 0.5
    return Interval(first.value - second.value, *around(first.value - second.value, half / 1.96))


def around(value: float, error: float) -> tuple[float, float]:
    """95% of a normal distribution."""
    return value - 1.96 * error, value + 1.96 * error
