"""Sources, targets and results of an imaginary study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from helpers import pictures

from pellucid import Classifier
from pellucid.training.recipe import TrainRecipe
from pellucid.transfer_learning.source import SourceFacts
from pellucid.zoo.networks import build

FACTS = {
    "a": SourceFacts("l2", 0.0, 0.7, 8, "birds", "net", 1),
    "b": SourceFacts("l2", 0.0, 0.8, 8, "birds", "net", 2),
    "c": SourceFacts("l2", 0.0, 0.9, 8, "birds", "net", 4),
    "r": SourceFacts("l2", 3.0, 0.6, 8, "birds", "net", 1),
    "fish": SourceFacts("l2", 0.0, 0.5, 8, "fish", "net", 8),
    "unknown": SourceFacts("l2", None, None, None, "", "", None),
}


def result(source, accuracy, target="t", side=None, seeds=(0.5,)):
    return {"source": source, "target": target, "data": target, "metric": "top-1", "accuracy": accuracy,
            "sampling_interval": [accuracy - 0.1, accuracy + 0.1], "top-1": list(seeds),
            "recipe": {"mode": "fixed", "granularity": side}}  # fmt: skip


def rewritten(path, seed, split="train"):
    """An .npz of 8 px images again, with others."""
    with np.load(path if Path(path).exists() else "data0.npz") as file:
        arrays = dict(file)
    images = pictures(8, len(arrays[f"{split}_images"]), seed).images.permute(0, 2, 3, 1).numpy()
    np.savez(path, **{**arrays, f"{split}_images": images})


SHORT = TrainRecipe(epochs=4, batch_size=15, average=0.0, schedule="constant")
QUICK = replace(SHORT, lr=0.05)  # the rate of a transfer follows from its `lrs`


def source_of(seed=0, size=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build("preact-6-8", 4)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    card = {"arch": "preact-6-8", "size": size}
    return Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), list("wxyz"), card=card).eval()
