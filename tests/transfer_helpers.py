"""Sources, targets and results of an imaginary study."""

from pathlib import Path

import numpy as np
from helpers import pictures

from pellucid.transfer_learning.source import SourceFacts

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
