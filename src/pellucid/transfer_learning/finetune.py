"""Fine-tuning of a source on a target: a new head on all of its weights, or on those behind a named layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..training.finetune import with_new_head
from ..training.recipe import TrainRecipe
from ..training.train import Run, TrainProgress
from .content import READ


@dataclass(frozen=True)
class Freezing:
    """Which part of a source is not trained."""

    upto: str = ""
    """The last frozen layer; all layers before it are frozen too. `representation` freezes all but the head."""
    adapting_norms: bool = False
    """Batch norms of the frozen part still use batch statistics, and still update their running ones."""


class PartlyFrozen(Classifier):
    """A classifier whose first layers keep their weights, and stay in eval mode in training."""

    def __init__(self, classifier: Classifier, freezing: Freezing):
        mean, std = classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()
        super().__init__(classifier.network, mean, std, classifier.class_names, classifier.head, classifier.card)
        self.unit_axes = classifier.unit_axes
        self.frozen = frozen_modules(classifier, freezing.upto)
        self.adapting_norms = freezing.adapting_norms
        for path in self.frozen:
            for parameter in self.network.get_submodule(path).parameters(recurse=False):
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> PartlyFrozen:
        super().train(mode)
        if not self.adapting_norms:
            for path in self.frozen:
                self.network.get_submodule(path).training = False
        return self


def frozen_modules(classifier: Classifier, upto: str) -> list[str]:
    """The paths of the modules up to a layer, in the order in which the network names them.

    They include modules that also hold later ones, because these may have parameters of their own, such as the class
    token of a transformer.

    Raises:
        InputError: no such layer, or none behind it.

    >>> from torch import nn
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    >>> frozen_modules(Classifier(network), "1"), frozen_modules(Classifier(network), "representation")
    (['', '0', '1'], ['', '0', '1', '2'])
    """
    if not upto:
        return []
    paths = [path for path, _ in classifier.network.named_modules()]
    if upto == "representation":
        head = classifier.head
        return [path for path in paths if path != head and not path.startswith(f"{head}.")]
    last = classifier.head if upto == "logits" else classifier.path(upto)
    end = max(number for number, path in enumerate(paths) if path == last or path.startswith(f"{last}."))
    if classifier.head in paths[: end + 1]:
        raise InputError(f"freezing up to {upto} leaves nothing to train; freeze representation trains the head alone")
    return paths[: end + 1]


def fine_tune(
    source: Classifier,
    data: Dataset,
    recipe: TrainRecipe,
    freezing: Freezing | None = None,
    *,
    precision: str = "auto",
    callback: Callable[[float], None] | None = None,
    on_epoch: Callable[[int, Classifier], None] | None = None,
) -> Classifier:
    """The source with a new head, trained on the training images of a data set.

    Args:
        source: its card names its architecture.
        data: images of its size. The test images are only looked at for the metrics of each epoch.
        recipe: of training; with an attack of eps > 0 adversarial. Its `arch` and `start` are not used.
        freezing: what keeps its weights; nothing if not given.
        precision: "bfloat16" computes the passes in autocast; "auto" where it is faster.
        callback: called with the share of the training that is done.
        on_epoch: called after every epoch with its number, from 1, and the classifier as it is then.

    Raises:
        InputError: a source whose architecture is not known, a layer that does not exist.

    >>> import pellucid as pl
    >>> from pellucid.zoo.networks import build
    >>> source = Classifier(build("preact-4-8", 3), card={"arch": "preact-4-8"})
    >>> split = pl.Split(torch.randint(0, 256, (8, 3, 8, 8)).byte(), torch.tensor([0, 1] * 4))
    >>> recipe = TrainRecipe(epochs=1, batch_size=4)
    >>> fine_tune(source, Dataset("noise", split, split, ["a", "b"]), recipe, Freezing("representation")).classes
    2
    """
    run = Run(
        data, recipe, source.device, precision,
        first=lambda: PartlyFrozen(with_new_head(source, data.class_names), freezing or Freezing()),
    )  # fmt: skip

    def advance(progress: TrainProgress) -> None:
        if callback is not None:
            callback(progress.step / progress.steps)

    while run.state.epoch < recipe.epochs:
        run.train_epoch(advance)
        if on_epoch is not None:
            on_epoch(run.state.epoch, run.state.averaged())
    return run.state.averaged()


@dataclass
class BestEpoch:
    """For `fine_tune(..., on_epoch=...)`: keeps the first of the epochs that are best by a measure.

    Attributes:
        measure: of a classifier, higher is better.
        value: the best so far, and
        epoch, classifier: whose it is.
    """

    measure: Callable[[Classifier], float]
    value: float = float("-inf")
    epoch: int = 0
    classifier: Classifier | None = None

    def __call__(self, epoch: int, classifier: Classifier) -> None:
        """An epoch has ended."""
        value = self.measure(classifier)
        if value > self.value:
            self.value, self.epoch, self.classifier = value, epoch, classifier


def predictions(classifier: Classifier, split) -> tuple[Tensor, Tensor]:
    """The predicted and the true classes of a split's images, two `(N,)`, some hundred images at a time."""
    found, labels = [], []
    for first in range(0, len(split), READ):
        images, truth = split.batch(slice(first, first + READ))
        found.append(classifier.predict(images.to(classifier.device)).cpu())
        labels.append(truth)
    return torch.cat(found), torch.cat(labels)
