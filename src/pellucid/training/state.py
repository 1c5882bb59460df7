"""The mutable state of a training run: weights, their exponential moving average (EMA), momentum."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..core.classifier import Classifier
from .recipe import TrainRecipe


class TrainingState:
    """A classifier in training.

    Attributes:
        classifier: with the current weights.
        average: the EMA of its state, which is what training yields.
        epoch: how many epochs are done.
        history: the metrics of each of them.
    """

    def __init__(self, classifier: Classifier, recipe: TrainRecipe):
        self.classifier, self.recipe = classifier, recipe
        self.average = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
        self.optimizer = sgd(classifier.network, recipe)
        self.epoch = 0
        self.updates = 0
        self.history: list[dict[str, Any]] = []

    def lower(self, loss: Tensor, rate: float) -> None:
        """One step of SGD at this learning rate, then one of the EMA."""
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        # A small decay at first, so that the random first weights are soon forgotten.
        decay = min(self.recipe.average, (self.updates + 1) / (self.updates + 10))
        average_into(self.average, self.classifier.network, decay)
        self.updates += 1

    def averaged(self) -> Classifier:
        """A copy of the classifier with the EMA of the weights, in eval mode."""
        classifier = copy.deepcopy(self.classifier)
        classifier.network.load_state_dict(self.average)
        return classifier.eval()

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Everything that `restore` needs, in named groups."""
        momenta = {
            str(number): self.optimizer.state[parameter]["momentum_buffer"]
            for number, parameter in enumerate(self.classifier.network.parameters())
            if "momentum_buffer" in self.optimizer.state[parameter]
        }
        return {"network": self.classifier.network.state_dict(), "average": self.average, "momentum": momenta}

    def facts(self) -> dict[str, Any]:
        """What `restore` needs besides tensors."""
        return {"epoch": self.epoch, "updates": self.updates, "history": self.history}

    def restore(self, tensors: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        """Take up what `tensors` and `facts` gave."""
        self.classifier.network.load_state_dict(tensors["network"])
        self.average = {name: tensor.to(self.classifier.device) for name, tensor in tensors["average"].items()}
        for number, parameter in enumerate(self.classifier.network.parameters()):
            if str(number) in tensors.get("momentum", {}):
                buffer = tensors["momentum"][str(number)].to(parameter)
                # In the parameter's own memory layout: sums in another order would differ in the last bit.
                self.optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(buffer)
        self.epoch, self.updates, self.history = facts["epoch"], facts["updates"], facts["history"]


def average_into(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """average <- decay · average + (1 - decay) · network, batch norm statistics included."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)


def sgd(network: nn.Module, recipe: TrainRecipe) -> torch.optim.SGD:
    """SGD as the recipe says; unless `decay_norms`, without weight decay on norms and biases."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": recipe.weight_decay if recipe.decay_norms else 0.0},
    ]
    return torch.optim.SGD(
        groups, recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov and recipe.momentum > 0
    )
