"""What a training run would cost, from a few steps of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ..base.devices import peak_memory
from ..base.processes import processes
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from .recipe import TrainRecipe
from .train import Run, first_classifier
from .trainable import trained_size
from .watch import LossWatch


@dataclass(frozen=True)
class Estimate:
    """The cost of a training run.

    Attributes:
        parameters: how many weights the network has.
        steps: steps an epoch.
        forwards: forward passes per image and epoch: 2 for one attack step, 8 for PGD-7.
        backwards: backward passes, counted alike; TRADES has one fewer than forward passes.
        seconds: an epoch, without its test accuracy.
        memory: the largest amount in bytes that the process took so far (on a GPU: that torch took there).
        epochs: how many epochs there would be.
        batch: how many images a step had that was timed: on a CPU fewer than the training's, whose steps may take a
            minute each.
    """

    parameters: int
    steps: int
    forwards: float
    backwards: float
    seconds: float
    memory: int
    epochs: int
    batch: int


def estimate(
    data: Dataset, recipe: TrainRecipe, *, device: torch.device | str = "cpu", precision: str = "auto", steps: int = 3
) -> Estimate:
    """Take a step to warm up and a few more by the clock; nothing is written.

    >>> from pellucid import Attack, Split
    >>> split = Split(torch.randint(0, 256, (8, 3, 8, 8)).byte(), torch.tensor([0, 1] * 4))
    >>> recipe = TrainRecipe(arch="preact-4-8", attack=Attack(eps=0.1, steps=7), batch_size=4)
    >>> estimate(Dataset("noise", split, split, ["a", "b"]), recipe).forwards
    8.0
    """
    whole = min(recipe.batch_size, len(data.train))
    few = at_once(torch.empty(0, 3, *trained_size(recipe, data), device=device))
    team = processes().count
    batch_size = max(team, min(whole, few) // team * team)
    labels = data.train.labels[:batch_size]
    some = data.train.subset(torch.arange(len(labels)), labels)

    def first() -> Classifier:  # whose normalization is that of a few images: reading 50,000 takes minutes
        return first_classifier(replace(data, train=some), recipe)

    run = Run(data, replace(recipe, batch_size=batch_size), torch.device(device), precision, first=first)
    batches = list(islice(run.loader.epoch(0), steps + 1))
    seen = {"forward": 0, "backward": 0}

    def count(module: torch.nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> None:
        seen["forward"] += len(logits)
        if logits.requires_grad:
            logits.register_hook(count_backward)

    def count_backward(gradient: Tensor) -> None:
        seen["backward"] += len(gradient)

    handle = run.state.classifier.network.register_forward_hook(count)
    last = max(0, len(batches) - steps)
    began = time.monotonic()
    for number, batch in enumerate(batches):
        if number == last:
            _wait(run.device)
            began = time.monotonic()
            seen.update(forward=0, backward=0)
        run.step(batch, number, LossWatch(1, data.train))
    _wait(run.device)
    seconds = time.monotonic() - began
    handle.remove()
    images = sum(len(batch.labels) for batch in batches[last:])
    epoch = len(data.train) // whole  # steps
    return Estimate(
        parameters=sum(p.numel() for p in run.state.classifier.network.parameters()),
        steps=epoch,
        forwards=seen["forward"] / images,
        backwards=seen["backward"] / images,
        seconds=seconds / images * epoch * whole,
        memory=peak_memory(run.device),
        epochs=recipe.epochs,
        batch=batch_size,
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
