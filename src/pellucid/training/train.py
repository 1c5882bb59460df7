"""Standard and adversarial training of a classifier on images held in memory."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..classifier import Classifier
from ..data.augment import crop_flip
from ..data.dataset import Dataset, Split
from ..descend import descend
from ..devices import Precision, pick_precision
from ..errors import InputError
from ..objective import CrossEntropy
from ..zoo.networks import build
from .checkpoint import average_into, load_checkpoint, save_checkpoint
from .recipe import Attack, TrainRecipe
from .schedule import schedule

CHECKPOINT, METRICS = "checkpoint.safetensors", "metrics.jsonl"


@dataclass(frozen=True)
class TrainProgress:
    """What a callback is given after every step."""

    step: int
    steps: int
    epoch: int
    metrics: dict[str, float] | None
    """The last finished epoch's metrics."""


def train(
    data: Dataset,
    recipe: TrainRecipe,
    folder: Path,
    *,
    resume: bool = False,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    callback: Callable[[TrainProgress], None] | None = None,
) -> Classifier:
    """Train a classifier; with an attack of eps > 0 adversarially.

        min over weights of E max over x' in ball(x) of cross-entropy(x', y)      (Madry et al. 2018)

    Args:
        data: images and labels; normalization is the mean and std of the training images.
        recipe: everything that decides the result.
        folder: where the checkpoint (every epoch) and `metrics.jsonl` go.
        resume: go on from the checkpoint in `folder`, exactly as if there had been no stop.
        device: where to train.
        precision: "bfloat16" computes the passes in autocast, weights stay float32; "auto" where it is faster.
        callback: called after every step.

    Returns:
        The classifier with averaged weights, in eval mode.

    Raises:
        InputError: no training images, or a checkpoint of other settings.
    """
    if not len(data.train):
        raise InputError(f"{data.name} has no training images")
    run = _Run(data, recipe, folder, torch.device(device), precision)
    if resume:
        run.resume()
    else:
        (folder / METRICS).unlink(missing_ok=True)
    while run.epoch < recipe.epochs:
        run.train_epoch(callback)
    return run.result()


class _Run:
    """The state of a training run, and one epoch of it."""

    def __init__(self, data: Dataset, recipe: TrainRecipe, folder: Path, device: torch.device, precision: str):
        self.data, self.recipe, self.folder, self.device = data, recipe, folder, device
        self.autocast = pick_precision(precision, device) == "bfloat16"
        with torch.random.fork_rng(devices=[]):  # the initial weights follow the recipe's seed and nobody else's
            torch.manual_seed(recipe.seed)
            network = build(recipe.arch, len(data.class_names))
        mean, std = channel_statistics(data.train)
        self.classifier = Classifier(network, mean, std, data.class_names).to(device)
        self.average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.optimizer = sgd(network, recipe)
        self.rate = schedule(recipe.schedule, recipe.drops)
        self.order = torch.Generator().manual_seed(recipe.seed)
        self.images, self.labels = data.train.images.to(device), data.train.labels.to(device)
        self.epoch = 0
        self.metrics: dict[str, float] | None = None

    @property
    def steps_an_epoch(self) -> int:
        return max(1, len(self.labels) // self.recipe.batch_size)

    def train_epoch(self, callback: Callable[[TrainProgress], None] | None) -> None:
        """One pass over the training images, a checkpoint, and a line of metrics."""
        began = time.monotonic()
        totals = torch.zeros(2, device=self.device)
        for number, index in enumerate(self._batches()):
            step = self.epoch * self.steps_an_epoch + number
            loss, hits = self._step(index, step)
            totals += torch.stack([loss * len(index), hits.float()])
            if callback is not None:
                total = self.recipe.epochs * self.steps_an_epoch
                callback(TrainProgress(step + 1, total, self.epoch, self.metrics))
        self.epoch += 1
        seen = self.steps_an_epoch * min(self.recipe.batch_size, len(self.labels))
        loss, accuracy = (totals / seen).tolist()
        if not loss < float("inf"):
            raise InputError(f"the loss is {loss} in epoch {self.epoch}; try a lower lr than {self.recipe.lr}")
        self.metrics = {
            "epoch": self.epoch,
            "train_loss": round(loss, 4),
            "train_accuracy": round(accuracy, 4),
            "test_accuracy": round(self._test_accuracy(), 4),
            "seconds": round(time.monotonic() - began, 1),
        }
        self._save()
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.metrics) + "\n")

    def _batches(self):
        """Random order, full batches; the rest of an epoch is left out, as everywhere."""
        order = torch.randperm(len(self.labels), generator=self.order).to(self.device)
        size = min(self.recipe.batch_size, len(order))
        return order[: self.steps_an_epoch * size].split(size)

    def _step(self, index: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """One step of SGD on (perturbed) images: the loss, and how many were classified rightly."""
        images, labels = self.images[index], self.labels[index]
        if self.recipe.augment == "crop-flip":
            images = crop_flip(images, self.order)
        images = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        if self.recipe.attack.eps:
            precision: Precision = "bfloat16" if self.autocast else "float32"
            images = perturb(self.classifier, images, labels, self.recipe.attack, seed=step, precision=precision)
        network = self.classifier.network.train()
        with torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext():
            logits = network((images - self.classifier.mean) / self.classifier.std)
        loss = F.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        loss.backward()
        rate = self.recipe.lr * self.rate((step + 0.5) / (self.recipe.epochs * self.steps_an_epoch))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        # A short memory to begin with, so that the first random weights are soon forgotten.
        average_into(self.average, network, min(self.recipe.average, (step + 1) / (step + 10)))
        return loss.detach(), (logits.argmax(1) == labels).sum()

    def _test_accuracy(self) -> float:
        """Of the averaged weights on up to 2,000 test images: a sign of life, not a choice of weights."""
        if not len(self.data.test):
            return float("nan")
        classifier = self.result()
        images, labels = self.data.test.batch(slice(2000))
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            chunks = [classifier.logits(chunk.to(self.device)).argmax(1).cpu() for chunk in images.split(250)]
        return float((torch.cat(chunks) == labels).float().mean())

    def result(self) -> Classifier:
        """A classifier of its own with the averaged weights."""
        classifier = copy.deepcopy(self.classifier)
        classifier.network.load_state_dict(self.average)
        return classifier.eval()

    def _save(self) -> None:
        momenta = {
            str(number): self.optimizer.state[parameter]["momentum_buffer"]
            for number, parameter in enumerate(self.classifier.network.parameters())
            if "momentum_buffer" in self.optimizer.state[parameter]
        }
        state = {
            "network": self.classifier.network.state_dict(),
            "average": self.average,
            "momentum": momenta,
            "random": {"order": self.order.get_state()},
        }
        save_checkpoint(self.folder / CHECKPOINT, state, {"epoch": self.epoch, "recipe": asdict(self.recipe)})

    def resume(self) -> None:
        """Take up the checkpoint in the folder."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            raise InputError(f"{self.folder} holds no {CHECKPOINT} to resume from")
        state, facts = load_checkpoint(path)
        own = json.loads(json.dumps(asdict(self.recipe)))
        changed = [name for name in own if own[name] != facts["recipe"].get(name)]
        if changed:
            was = ", ".join(f"{name} was {facts['recipe'].get(name)}" for name in changed)
            raise InputError(f"{path} was made with other settings: {was}")
        self.classifier.network.load_state_dict(state["network"])
        self.average = {name: tensor.to(self.device) for name, tensor in state["average"].items()}
        for number, parameter in enumerate(self.classifier.network.parameters()):
            if str(number) in state["momentum"]:
                buffer = state["momentum"][str(number)].to(parameter)
                # In the parameter's own memory layout: sums in another order would differ in the last bit.
                self.optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(buffer)
        self.order.set_state(state["random"]["order"])
        self.epoch = facts["epoch"]
        if self.recipe.attack.eps:
            # The first pass that `descend` makes with a network differs from later ones in the last bits.
            perturb(self.classifier, self.images[:1].float() / 255, self.labels[:1], self.recipe.attack)


def perturb(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    *,
    seed: int = 0,
    precision: Precision = "float32",
) -> Tensor:
    """The worst images in the ball around each, as PGD finds them: `(N, C, H, W)` to `(N, C, H, W)`."""
    return descend(
        classifier,
        -CrossEntropy(labels),
        images,
        ball=attack.ball,
        steps=attack.steps,
        step_size=attack.length,
        random_start=attack.random_start,
        seed=seed,
        precision=precision,
        batch_size=len(images),
    ).images


def sgd(network: nn.Module, recipe: TrainRecipe) -> torch.optim.SGD:
    """SGD with Nesterov momentum; no weight decay on norms and biases."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def channel_statistics(split: Split) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over a split, in [0, 1] units."""
    total = torch.zeros(3, dtype=torch.float64)
    squares = torch.zeros(3, dtype=torch.float64)
    for chunk in split.images.split(1000):
        values = chunk.double() / 255
        total += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    count = split.images.shape[0] * split.images.shape[2] * split.images.shape[3]
    mean = total / count
    return mean.tolist(), (squares / count - mean.square()).clamp_min(1e-8).sqrt().tolist()
