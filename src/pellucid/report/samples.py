"""Sets of generated images and how good they are under several networks: Inception Score, FID, KID."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from ..core.classifier import Classifier
from ..evaluation.quality import Quality, QualityRecipe, quality
from ..synthesis.generate import GenerateRecipe, generate
from ..synthesis.start import seeds
from ..synthesis.toward import PLAIN
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


@lru_cache(maxsize=1)
def qualities(scene: Scene) -> dict[str, dict[str, Quality]]:
    """Network that looks -> set of images -> its quality beside real images."""
    count = scene.by_scale(2, 20, 50_000 // scene.classifier.classes)
    labels = torch.arange(scene.classifier.classes).repeat_interleave(count)
    start = seeds(scene.classifier, labels, seed=scene.seed)
    real = scene.images(len(scene.measured))[0]
    half = len(real) // 2
    sets: dict[str, Tensor] = {REAL: real[half:], SEEDS: start}
    for name, classifier in scene.classifiers.items():
        for title, how in ((name, GenerateRecipe()), (f"{name}, plain steps", replace(GenerateRecipe(), sigmas=PLAIN))):
            sets[title] = generate(classifier, labels, how, start=start, **scene.options).images.cpu()
    readers: dict[str, Classifier] = dict(scene.classifiers)
    if scene.judge is not None:
        readers["the judge"] = scene.judge
    how = QualityRecipe(splits=scene.by_scale(2, 10, 10), subsets=100)
    return {
        reader: {
            name: quality(images, real[:half], classifier, how, name=reader, seed=scene.seed)
            for name, images in sets.items()
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
