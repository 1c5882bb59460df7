"""Adversarial examples transfer to networks that learn the same non-robust features (Ilyas et al. 2019, Figure 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import torch

from ..base.checks import check_classifier, check_fields, positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError, warn
from ..base.pictures import Table
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages, check_dataset
from ..data.draw import drawn
from ..data.npz import Pieces, save_npz
from ..evaluation.classes import in_order_of
from ..evaluation.outcomes import Accuracies
from ..evaluation.threat import check_split, seen
from ..evaluation.transferability import TransferabilityRecipe, transferability
from .checkpoint import CHECKPOINT
from .nonrobust import NonrobustRecipe, nonrobust_data
from .recipe import TrainRecipe
from .train import train

if TYPE_CHECKING:
    from typing_extensions import Unpack

FEWEST = 4  # architectures; Fisher's interval of r needs as many points


@dataclass(frozen=True)
class TransferabilityStudyRecipe:
    """Settings of `transferability_study`."""

    archs: tuple[str, ...] = ("preact-16-32-64", "preact-32-64-128", "smooth-16-32-64", "wrn-10-1", "cifar-resnet20")
    """Architectures, four or more; see `pellucid train --arch`."""
    count: int | None = None
    """So many training images, drawn by the seed evenly from all classes; all if not given."""
    nonrobust: NonrobustRecipe = NonrobustRecipe()
    """How the non-robust data set is made."""
    training: TrainRecipe = TrainRecipe(epochs=10)
    """How every network is trained, on that data set and on the clean one; its arch is each of the architectures."""
    attack: TransferabilityRecipe = TransferabilityRecipe(count=1000)
    """The source's adversarial examples that are tried on the networks trained on clean images."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.count is not None:
            positive_int("count", self.count)
        if len(set(self.archs)) < max(FEWEST, len(self.archs)):
            raise InputError(f"the interval of a correlation needs {FEWEST} different architectures or more, "
                             f"not {', '.join(self.archs) or 'none'}")  # fmt: skip


class TransferabilityStudySettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `transferability_study`."""

    archs: tuple[str, ...]
    count: int | None
    nonrobust: NonrobustRecipe
    training: TrainRecipe
    attack: TransferabilityRecipe


@dataclass(repr=False)
class TransferabilityStudy(Table):
    """How well architectures learn non-robust features, and how well adversarial examples transfer to them.

    Attributes:
        archs: the architectures.
        learned: for each, the share of clean test images that it has right after training on the non-robust data set.
        clean: for each, the same after training on the clean one.
        transfer: for each, the share of the source's adversarial examples that fool the latter network.
        images: how many test images `learned` and `clean` are of.
        tried: for each, how many adversarial examples `transfer` is of.
        r: Pearson's correlation of `learned` and `transfer`.
        low, high: its 95% interval, by Fisher's z.
        settings: what was measured, and how.
    """

    archs: list[str]
    learned: list[float]
    clean: list[float]
    transfer: list[float]
    images: int
    tried: list[int]
    r: float
    low: float
    high: float
    settings: dict[str, Any]

    def intervals(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """For each architecture the 95% intervals (Wilson's) of `learned` and of `transfer`."""
        return [
            (Accuracies(self.images, share).interval(share), Accuracies(count, rate).interval(rate))
            for share, rate, count in zip(self.learned, self.transfer, self.tried, strict=True)
        ]

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        shares = zip(self.archs, self.learned, self.clean, self.transfer, strict=True)
        rows = [(arch, *(f"{share:.1%}" for share in each)) for arch, *each in shares]
        r = f"{self.r:.2f} ({self.low:.2f} to {self.high:.2f})"
        return ("arch", "learned", "clean", "transfer"), [*rows, ("correlation", r, "", "")]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, rounded to 4 places."""
        shares = {name: [round(v, 4) for v in getattr(self, name)] for name in ("learned", "clean", "transfer")}
        numbers = {name: round(getattr(self, name), 4) for name in ("r", "low", "high")}
        return {"archs": self.archs, **shares, "images": self.images, "tried": self.tried, **numbers, **self.settings}


@task(TransferabilityStudyRecipe)
def transferability_study(
    source: Classifier,
    data: Dataset,
    recipe: TransferabilityStudyRecipe | None = None,
    *,
    folder: Path,
    seed: int = 0,
    precision: str = "auto",
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[TransferabilityStudySettings],
) -> TransferabilityStudy:
    """Two numbers for each architecture, and their correlation:

    - how well it learns non-robust features: its accuracy on clean test images after training on `nonrobust_data`,
      which the source makes;
    - how well adversarial examples transfer to it: how often the source's fool the same architecture trained on clean
      images (`transferability`).

    Ilyas et al. 2019 find that they go together. What is finished is kept in the folder, and the same call goes on:
    after a part of the non-robust data set, or an epoch of a training.

    Args:
        source: a standard classifier of the data's classes.
        data: with training and test images at the source's size.
        recipe: architectures, how many images, data set, training, attack.
        folder: gets `nonrobust.npz` and the checkpoints, 2 for each architecture.
        seed: of the choice of images and of random targets; the trainings have their recipe's.
        precision: of the passes; "auto" where bfloat16 is faster.
        callback: called with the share of the work that is done; a training counts as much as the data set.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: no training or test images, images and labels that are not the source's, a folder that holds
            trainings with other settings.
    """
    check_classifier(source)
    check_dataset(data)
    recipe = checked(recipe, TransferabilityStudyRecipe)
    data = in_order_of(source, data)
    for split in (data.train, data.test):
        check_split(source, split)
    index = drawn(data.train.labels, recipe.count, seed)
    data = replace(data, train=data.train.subset(index, data.train.labels[index]))
    jobs, done = 2 * len(recipe.archs) + 1, 0

    def progress(share: float) -> None:
        if callback is not None:
            callback((done + share) / jobs)

    passes = pick_precision(precision, source.device)
    other = nonrobust_data(
        source, data, recipe.nonrobust, parts=folder / "parts", seed=seed, precision=passes, callback=progress
    )
    save_npz(folder / "nonrobust.npz", other.class_names, train=Pieces.of(other.train), test=Pieces.of(other.test))
    learned, clean = [], {}
    for arch in recipe.archs:
        trained = []
        for kind, images in (("nonrobust", other), ("clean", data)):
            done += 1
            place = folder / f"{re.sub('[^A-Za-z0-9_.-]', '-', arch)}-{kind}"
            trained.append(
                train(
                    images, replace(recipe.training, arch=arch), place, resume=(place / CHECKPOINT).is_file(),
                    device=source.device, precision=passes, callback=lambda p: progress(p.step / p.steps),
                )
            )  # fmt: skip
        learned.append(_accuracy(trained[0], data.test))
        clean[arch] = trained[1]
    matrix = transferability({"the source": source, **clean}, data.test, recipe.attack, precision=passes, seed=seed)
    rates, tried = matrix.rates[0, 1:].tolist(), matrix.counts[0, 1:].tolist()
    if 0 in tried:
        raise InputError(f"the source and {recipe.archs[tried.index(0)]} are right on no test image together; "
                         "train longer, or on more images")  # fmt: skip
    study = TransferabilityStudy(
        list(recipe.archs), learned, [_accuracy(network, data.test) for network in clean.values()], rates,
        len(data.test), tried, *correlation(learned, rates),
        {"recipe": asdict(recipe), "seed": seed, "precision": passes},
    )  # fmt: skip
    if all(least <= 1 / source.classes for (least, _), _ in study.intervals()):
        warn("no architecture learned more than chance from the non-robust data set, so r says nothing; "
                      "take more images or epochs")  # fmt: skip
    return study


def correlation(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Pearson's r and its 95% interval, tanh(artanh r ± 1.96 / √(n - 3)) (Fisher 1921).

    NaN where one side is constant.
    """
    from scipy.stats import pearsonr

    if len(set(x)) == 1 or len(set(y)) == 1:
        return nan, nan, nan
    found: Any = pearsonr(x, y)
    interval = found.confidence_interval(0.95)
    return float(found.statistic), float(interval.low), float(interval.high)


def _accuracy(classifier: Classifier, split: LabeledImages) -> float:
    """The share of the images that are seen rightly."""
    batches = (split.batch(part) for part in torch.arange(len(split)).split(500))
    return sum(int((seen(classifier, images).cpu() == labels.cpu()).sum()) for images, labels in batches) / len(split)
