"""Standard and adversarial training of a classifier, in one process or many."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.devices import Precision, default_modes, fast_layout, pick_precision
from ..base.errors import InputError
from ..base.files import write_text
from ..base.processes import processes
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from ..data.augment import AUGMENTATIONS, Draws
from ..data.dataset import Dataset
from ..data.loader import Batch, loader
from ..data.statistics import channel_statistics
from ..zoo.networks import build
from .batchnorm import join_batch_norms
from .checkpoint import forget_checkpoints, holds_run, load_checkpoint, save_checkpoint
from .finetune import first_weights
from .identity import changes, identity
from .method import METHODS, Learner, StepContext
from .probe import Probe
from .recipe import TrainRecipe, TrainSettings
from .schedule import schedule
from .state import TrainingState
from .trainable import check_data, check_trainable, trained_size
from .watch import LossWatch

if TYPE_CHECKING:
    from typing_extensions import Unpack

METRICS = "metrics.jsonl"
SEEDS_APART = 1_000_000_007  # so that no step of a seed shares its random starts with a step of another


@dataclass(frozen=True)
class TrainProgress:
    """What a callback is given after every step."""

    step: int
    steps: int
    epoch: int
    metrics: dict[str, Any] | None
    """The last finished epoch's metrics."""


@dataclass(frozen=True)
class EpochReport:
    """What `on_epoch` is given after every epoch."""

    metrics: dict[str, Any]
    examples: Callable[[], tuple[Tensor, Tensor]]
    """Makes eight training images and the worst images in the balls around them, each `(8, 3, H, W)`."""


@task(TrainRecipe)
@default_modes()
def train(
    data: Dataset,
    recipe: TrainRecipe | None = None,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    workers: int | None = None,
    callback: Callable[[TrainProgress], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    **settings: Unpack[TrainSettings],
) -> Classifier:
    """Train a classifier; with an attack of eps > 0 adversarially.

        min over weights of E max over x' in ball(x) of cross-entropy(x', y)      (Madry et al. 2018)

    Started several times at once by `accelerate launch`, the processes share every batch: they take the steps that
    one process with the whole batch would.

    Args:
        data: images and labels; normalization is the mean and std of the training images.
        recipe: everything that decides the result.
        folder: where the checkpoints (every epoch; the last two are kept) and `metrics.jsonl` go; not kept if not
            given.
        resume: go on from the checkpoint in `folder`, exactly as if there had been no stop.
        overwrite: begin again in a folder that holds a run.
        device: where to train.
        precision: "bfloat16" computes the passes in autocast, weights stay float32; "auto" where it is faster.
        workers: processes that decode images, for data sets that are not held in memory; a few if not given.
        callback: called after every step.
        on_epoch: called after every epoch, before its checkpoint, in the first process. Killed in between, the epoch is
            done again and told of again.
        **settings: fields of the recipe, which override it.

    Returns:
        The classifier with the EMA of the weights, in eval mode. Its card says what it was trained on, and withstands.

    Raises:
        InputError: no training images, a folder that holds a run, `resume` without one, a checkpoint of other settings,
            or a loss that is no longer a number.

    >>> from pellucid import Attack, Split
    >>> split = Split(torch.randint(0, 256, (8, 3, 8, 8)).byte(), torch.tensor([0, 1] * 4))
    >>> noise = Dataset("noise", split, split, ["a", "b"])
    >>> train(noise, arch="preact-4-8", attack=Attack(eps=0.1), epochs=1, batch_size=4).card["threat"]
    'l2 eps 0.1'
    """
    check_data(data)
    recipe = checked(recipe, TrainRecipe)
    run = Run(data, recipe, torch.device(device), precision, workers)
    place = None if folder is None else Path(folder)
    if resume and place is None:
        raise InputError("resume needs the folder that holds the checkpoints")
    if place is not None and holds_run(place) and not (resume or overwrite):
        raise InputError(f"{place} holds a run; go on with resume=True or begin again with overwrite=True")
    run.processes.wait()  # until every process has seen that the place is free
    if place is not None:
        run.resume(place) if resume else run.begin(place)
    while run.state.epoch < recipe.epochs:
        run.train_epoch(callback)
        if on_epoch is not None and run.processes.main:
            on_epoch(EpochReport(run.state.history[-1], run.examples))
        if place is not None:
            run.save(place)
    trained, unattacked = run.state.averaged(), "none (standard training)"
    if recipe.sigma:
        unattacked = f"none (Gaussian noise, sigma {recipe.sigma:g})"
    threat = f"{recipe.attack.norm} eps {recipe.attack.eps:g}" if recipe.attack.eps else unattacked
    trained.card |= {"data": data.name, "threat": threat, "recipe": asdict(recipe)}
    return trained


def first_classifier(data: Dataset, recipe: TrainRecipe) -> Classifier:
    """The classifier before the first step: with the weights of the recipe's `start`, or with random ones."""
    if recipe.start:
        return first_weights(recipe, data.class_names)
    network = build(recipe.arch, len(data.class_names))
    mean, std = channel_statistics(data.train)
    return Classifier(network, mean, std, data.class_names, card={"arch": recipe.arch})


class Run:
    """A training run: what does not change, its `state`, and one epoch of it.

    `first` makes the classifier to begin with, in place of the one that the recipe describes.
    """

    def __init__(
        self, data: Dataset, recipe: TrainRecipe, device: torch.device, precision: str, workers: int | None = None,
        first: Callable[[], Classifier] | None = None,
    ):  # fmt: skip
        self.data, self.recipe, self.device = data, recipe, device
        self.precision: Precision = pick_precision(precision, device)
        self.processes = processes()
        self.loader = loader(
            data.train, recipe.batch_size, recipe.seed, (self.processes.rank, self.processes.count), workers, device
        )
        self.augment = AUGMENTATIONS[recipe.augment]
        self.rate = schedule(recipe)
        self.steps = recipe.epochs * self.loader.steps
        with torch.random.fork_rng(devices=[]):  # the first weights follow the recipe's seed and nothing else
            torch.manual_seed(recipe.seed)
            classifier = first() if first else first_classifier(data, recipe)
        classifier.card["size"] = self.size[0]
        if self.processes.count > 1:
            join_batch_norms(classifier.network, device)
        classifier = classifier.to(device)
        check_trainable(classifier.card["arch"], classifier.classes, self.size)
        self.state = TrainingState(classifier, recipe)
        self.learner = Learner(self.state.classifier, self._forward(self.state.classifier), recipe, self.precision)
        self.probe = Probe.of(data.test, self.size, device)

    def _forward(self, classifier: Classifier) -> Callable[[Tensor], Tensor]:
        """Images to logits in training mode. Several processes average the gradients of its backward pass.

        Only this goes through the wrapper that does so: attacks use the bare network, whose weights get no gradients.
        """
        network: Callable[[Tensor], Tensor] = classifier.network
        layout = fast_layout(classifier.network)
        if self.processes.count > 1:
            from accelerate import Accelerator

            network = Accelerator().prepare_model(classifier.network)

        def forward(images: Tensor) -> Tensor:
            classifier.train()
            lower = self.precision == "bfloat16"
            with torch.autocast(self.device.type, torch.bfloat16) if lower else nullcontext():
                images = images.contiguous(memory_format=layout)  # an attack returns them in the other
                return network((images - classifier.mean) / classifier.std).float()

        return forward

    def train_epoch(self, callback: Callable[[TrainProgress], None] | None = None) -> None:
        """One pass over the training images, and its metrics."""
        began, first = time.monotonic(), self.state.epoch * self.loader.steps
        totals = torch.zeros(3, dtype=torch.float64, device=self.device)
        watch = LossWatch(self.state.epoch + 1, self.data.train)
        self.learner.offset = None
        for step, batch in enumerate(self.loader.epoch(self.state.epoch), start=first):
            totals += self.step(batch, step, watch)
            if callback is not None:
                metrics = self.state.history[-1] if self.state.history else None
                callback(TrainProgress(step + 1, self.steps, self.state.epoch, metrics))
        watch.check()
        watch.check_weights(self.state.classifier.network)
        seconds = time.monotonic() - began
        loss, hits, count = self.processes.sum(totals).tolist()
        self.state.epoch += 1
        last = self.progress(first + self.loader.steps - 1)
        self.state.history.append(
            {
                "epoch": self.state.epoch,
                "train_loss": round(loss / count, 4),
                "train_accuracy": round(hits / count, 4),
                "lr": self.recipe.lr * self.rate(last),
                "eps": self.recipe.attack.at(last).eps,
                **self.probe.accuracies(self.state.averaged(), self.recipe.attack, self.precision),
                "seconds": round(seconds, 1),
                "waited_for_data": round(self.loader.waited / seconds, 4),
            }
        )

    def step(self, batch: Batch, step: int, watch: LossWatch) -> Tensor:
        """What the method makes of one batch: the sums of loss and hits, and how many they are of."""
        count = len(batch.labels)
        first = self.processes.rank * count
        generator = torch.Generator().manual_seed((self.recipe.seed * 1_000_003 + step) * 2 + 1)
        draws = Draws(generator, count * self.processes.count, slice(first, first + count))
        images = self.augment(batch.images.to(self.device), draws)
        labels = batch.labels.to(self.device)
        progress = self.progress(step)
        now = StepContext(self.recipe.attack.at(progress), self.recipe.seed * SEEDS_APART + step, first)
        totals = torch.zeros(3, dtype=torch.float64, device=self.device)
        for loss, logits in METHODS[self.recipe.method](self.learner, images, labels, now):
            self.state.lower(loss, self.recipe.lr * self.rate(progress))
            watch.note(step, batch.index, loss)
            hits = (logits.detach().argmax(1) == labels).sum()
            totals += torch.stack([loss.detach().double() * count, hits.double(), hits.new_tensor(count).double()])
        return totals

    def progress(self, step: int) -> float:
        """The share of the training that is done in the middle of a step."""
        return (step + 0.5) / self.steps

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images that the network is trained on."""
        return trained_size(self.recipe, self.data)

    def examples(self, count: int = 8) -> tuple[Tensor, Tensor]:
        """Training images and the worst images in the balls around them; the same twice in standard training."""
        probe = Probe.of(self.data.train, self.size, self.device, count)
        return probe.images, probe.worst(self.state.classifier, self.recipe.attack, self.precision, count)

    def begin(self, folder: Path) -> None:
        """A checkpoint of the first weights, in place of an earlier run in the folder."""
        if self.processes.main:
            forget_checkpoints(folder)
        self.save(folder)

    def save(self, folder: Path) -> None:
        """Checkpoint and metrics."""
        if self.processes.main:
            facts = {**self.state.facts(), "recipe": asdict(self.recipe), "run": self.identity}
            # The metrics first: whoever is killed in between does the epoch again, and no line is lost.
            write_text(folder / METRICS, "".join(json.dumps(metrics) + "\n" for metrics in self.state.history))
            save_checkpoint(folder, self.state.tensors(), facts)
        self.processes.wait()

    def resume(self, folder: Path) -> None:
        """Take up the newest whole checkpoint of a folder."""
        tensors, facts = load_checkpoint(folder)
        changed = self.recipe.differences(facts["recipe"]) + changes(self.identity, facts["run"])
        if changed:
            raise InputError(f"{folder} was begun with other settings: {', '.join(changed)}")
        self.state.restore(tensors, facts)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the result depends on besides the recipe."""
        return identity(self.data, self.state.classifier, self.precision)
