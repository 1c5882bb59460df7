"""Transfer learning: a source's features, or its weights as a start, on other classes (Salman et al. 2020)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from ..base.checks import check_classifier
from ..base.devices import Precision
from ..base.errors import InputError, warn
from ..base.processes import processes
from ..base.recipes import checked, plain
from ..base.task import task
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages, check_dataset
from ..data.identity import data_digest, shared
from ..zoo.models import fingerprint
from .altered import coarse, unnormalized
from .features import Features, View, features
from .finetune import BestEpoch, Freezing, fine_tune, predictions
from .head import Head, Tried, best_of, best_on, check_classes, choose, fits, folds, warn_of_fit
from .metrics import METRICS, Metric, metric_of
from .recipe import TransferRecipe, TransferSettings
from .result import TransferResult, Trial

if TYPE_CHECKING:
    from typing_extensions import Unpack

Callback = Callable[[float], None]


@task(TransferRecipe)
def transfer(
    source: Classifier,
    data: Dataset,
    recipe: TransferRecipe | None = None,
    *,
    cache: str | Path | None = None,
    precision: Precision = "float32",
    callback: Callback | None = None,
    **settings: Unpack[TransferSettings],
) -> TransferResult:
    """Train on a target, starting from a source, and measure the test accuracy.

    In mode `fixed` a linear head is fitted to the source's features; in mode `full` the source is fine-tuned.
    Hyperparameters are chosen on validation images, a part of the training images; the final training uses all of
    them. The test labels are read once, at the end. Processes started together by `accelerate launch` share each batch
    of a fine-tuning.

    Args:
        source: any classifier; for mode `full` and `paper_compat` its card names its architecture.
        data: the target, its images of the source's size, with a train and a test split.
        recipe: everything that decides the result.
        cache: a folder for features, which are found again there by content; not kept if not given.
        precision: of the network's passes.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Returns:
        A result with a trial for each seed. Seeds of a fixed transfer differ in their validation images alone: seeds
        that choose the same penalty have the same head. The uncertainty over test images has an interval of its own.

    Raises:
        InputError: images of another size, one class, a class with fewer training images than folds, no test images,
            several processes for a fixed transfer, settings that the mode would ignore.

    >>> import pellucid as pl
    >>> pixels = torch.randint(0, 256, (20, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
    >>> split = pl.Split(pixels, torch.arange(20) % 2)
    >>> noise = pl.Dataset("noise", split, pl.Split(255 - pixels, split.labels), ["a", "b"])
    >>> found = transfer(pl.load("cifar10-l2-0.5", "cpu"), noise, TransferRecipe(seeds=2))
    >>> len(found.accuracies()), 0 <= found.accuracy <= 1
    (2, True)
    """
    recipe, began = checked(recipe, TransferRecipe), time.monotonic()
    recipe.check_mode()
    if processes().count > 1 and not recipe.trains:
        raise InputError("a fixed transfer is one process's work; start it without accelerate, or take --mode full")
    _check(source, data, recipe)
    content = data_digest(data)
    if recipe.granularity:
        data = coarse(data, recipe.granularity)
    if recipe.known_bugs.unnormalized:
        source = unnormalized(source)
    metric = metric_of(data.name) if recipe.metric == "auto" else cast(Metric, recipe.metric)
    job = Job(source, data, recipe, metric, precision, callback or (lambda share: None))
    trials = job.tuned() if recipe.trains else job.fixed(cache)
    facts = {
        "source_sha256": fingerprint(source),
        "data": data.name,
        "data_sha256": content,
        "classes": len(data.class_names),
        "train_images": len(data.train),
        "test_images": len(data.test),
        "recipe": plain(recipe),
        "precision": precision,
        "seconds": round(time.monotonic() - began, 1),
    }
    return TransferResult(trials, metric, facts)


@dataclass(frozen=True)
class Job:
    """A transfer: what both modes need."""

    source: Classifier
    data: Dataset
    recipe: TransferRecipe
    metric: Metric
    precision: Precision
    callback: Callback

    def fixed(self, cache: str | Path | None) -> list[Trial]:
        """Logistic regression on the features of the source as it is."""
        recipe, parts = self.recipe, self.recipe.augment + 1 + self.recipe.seeds + 1
        views = []
        for number in range(recipe.augment + 1):
            views.append(self._features(self.data.train, View(number), cache, number / parts, 1 / parts))
        test = self._features(self.data.test, View(), cache, len(views) / parts, 1 / parts)
        labels, truth = self.data.train.labels[views[0].index], self.data.test.labels[test.index]
        check_classes(labels, self.data.class_names, recipe.folds)  # of the images that could be read
        stack = torch.stack([view.values for view in views])
        trials = []
        for seed in range(recipe.seeds):
            if recipe.known_bugs.test_selection:
                everything = stack.flatten(0, 1), labels.repeat(len(stack))
                head, tried = best_on(everything, (test.values, truth), self.metric, recipe.penalties)
            else:
                head, tried = self._validated(stack, labels, seed)
            warn_of_fit(head, tried, recipe.penalties)
            accuracies = {penalty: found.accuracy for penalty, found in tried.items()}
            fits_of = {penalty: (found.iterations, found.converged) for penalty, found in tried.items()}
            trials.append(Trial(head.predict(test.values), truth, {"penalty": head.penalty}, accuracies, fits=fits_of))
            self.callback((len(views) + 2 + seed) / parts)
        return trials

    def _validated(self, stack: Tensor, labels: Tensor, seed: int) -> tuple[Head, dict[float, Tried]]:
        """The head on views `(V, N, U)` of the training images, its penalty chosen on a part of them as they are."""
        train, held = folds(labels, self.data.class_names, self.recipe.folds, seed)[0]
        some = stack[:, train].flatten(0, 1), labels[train].repeat(len(stack))
        tried = choose(some, (stack[0, held], labels[held]), self.metric, self.recipe.penalties)
        best = best_of(tried)
        [head] = fits(stack.flatten(0, 1), labels.repeat(len(stack)), [best])
        return head, tried

    def _features(self, split: LabeledImages, view: View, cache, begin: float, span: float) -> Features:
        return features(
            self.source, split, layer=self.recipe.layer, view=view, cache=cache, precision=self.precision,
            callback=lambda share: self.callback(begin + span * share),
        )  # fmt: skip

    def tuned(self) -> list[Trial]:
        """Training on the images, of the whole network or of what is not frozen."""
        trials = []
        for seed in range(self.recipe.seeds):
            tried = self._rates(seed) if len(self.recipe.lrs) > 1 else {}
            best = max(tried, key=lambda rate: tried[rate]) if tried else min(self.recipe.lrs)
            tuned, chosen = self._tune(self.data, best, seed, len(self.recipe.lrs))
            predicted, truth = predictions(tuned, self.data.test)
            trials.append(Trial(predicted, truth, {"lr": best, **chosen}, tried, cast(Classifier, tuned.to("cpu"))))
        return trials

    def _rates(self, seed: int) -> dict[float, float]:
        """The accuracy that each learning rate gives on validation images."""
        data = self.data
        if not self.recipe.known_bugs.test_selection:
            parts = folds(data.train.labels, data.class_names, self.recipe.folds, seed)[0]
            train, held = (data.train.subset(part, data.train.labels[part]) for part in parts)
            data = replace(data, train=train, test=held)
        tried = {}
        for number, rate in enumerate(self.recipe.lrs):
            tuned, _ = self._tune(data, rate, seed, number)
            tried[rate] = METRICS[self.metric](*predictions(tuned, data.test))
        return tried

    def _tune(self, data: Dataset, rate: float, seed: int, number: int) -> tuple[Classifier, dict[str, float]]:
        """One training, the `number`-th of this seed, and what the test images chose of it: nothing unless that
        bug is enabled."""
        runs = len(self.recipe.lrs) + (len(self.recipe.lrs) > 1)
        first = seed * runs + min(number, runs - 1)
        upto = "representation" if self.recipe.mode == "fixed" else self.recipe.freeze
        unseen = replace(data, test=_none_of(data.test))  # no training looks at the test images
        best = BestEpoch(lambda tuned: METRICS[self.metric](*predictions(tuned, data.test)))
        tuned = fine_tune(
            self.source, unseen, replace(self.recipe.train, lr=rate, seed=seed),
            Freezing(upto, self.recipe.known_bugs.adapting_norms), precision=self.precision,
            callback=lambda share: self.callback((first + share) / (runs * self.recipe.seeds)),
            on_epoch=best if self.recipe.known_bugs.best_epoch else None,
        )  # fmt: skip
        return (tuned, {}) if best.classifier is None else (best.classifier, {"epoch": best.epoch})


def _none_of(split: LabeledImages) -> LabeledImages:
    return split.subset(torch.arange(0), split.labels[:0])


def _check(source: Classifier, data: Dataset, recipe: TransferRecipe) -> None:
    """Raise `InputError` where no transfer is possible; warn of test images that are trained on."""
    check_classifier(source)
    check_dataset(data)
    for name, split in (("training", data.train), ("test", data.test)):
        if not len(split):
            raise InputError(f"{data.name} has no {name} images; a transfer needs a train and a test split")
    height, width = data.size
    if source.size and (height, width) != (source.size, source.size):
        raise InputError(f"the images are {width} x {height} and the source takes {source.size} px; give that size")
    check_classes(data.train.labels, data.class_names, recipe.folds)
    if len(both := shared(data)):
        warn(
            f"{len(both)} of {len(data.test)} test images of {data.name} are also training images "
            f"(the first: {data.test.name(int(both[0]))}); the accuracy will be too high"
        )
