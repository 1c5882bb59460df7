"""Fixed-feature transfer: features against the bare forward pass, and the whole against an SGD head on images.

    python benchmarks/transfer.py --source cifar10-l2-0.5 --data dtd10.npz --epochs 150

The SGD head sees the images in every epoch, as in the paper; fewer epochs are enough to know the time of one.
"""

import argparse
import tempfile
import time
from dataclasses import replace

import torch
from common import interleaved, place, ratio

import pellucid as pl
from pellucid.evaluation.threat import at_once
from pellucid.transfer_learning.recipe import PRESETS


def forward(classifier: pl.Classifier, split: pl.Split) -> None:
    """Nothing but the network, on the batches that a loop over a data set would take."""
    classifier.eval()
    with torch.no_grad():
        for first in range(0, len(split), 512):
            images, _ = split.batch(slice(first, first + 512))
            for part in images.split(at_once(images)):
                classifier.logits(part)


def seconds(function) -> tuple[float, object]:
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", default="cifar10-l2-0.5")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=150)
    flags = parser.parse_args()
    print(place())
    source = pl.load(flags.source, "cpu")
    data = pl.load_data(flags.data, source.size)
    sides = {"forward": lambda: forward(source, data.train), "features": lambda: pl.features(source, data.train)}
    more = 100 * (1 / ratio(interleaved(sides, flags.rounds), "forward", "features") - 1)
    print(f"features of {len(data.train):,} images: {more:+.1f}% over the bare pass")
    with tempfile.TemporaryDirectory() as cache:
        first, result = seconds(lambda: pl.transfer(source, data, pl.TransferRecipe(seeds=1), cache=cache))
        again, _ = seconds(lambda: pl.transfer(source, data, pl.TransferRecipe(seeds=1), cache=cache))
    print(f"logistic regression: {100 * result.accuracy:.2f} % in {first:.1f} s, again in {again:.1f} s")
    train = replace(PRESETS["paper-fixed"].train, epochs=flags.epochs, step_epochs=max(1, flags.epochs // 3))
    recipe = pl.TransferRecipe(seeds=1, paper_compat=True, lrs=(0.01,), train=train)
    spent, head = seconds(lambda: pl.transfer(source, data, recipe))
    whole = spent * 150 / flags.epochs
    print(f"SGD head, {flags.epochs} epochs: {100 * head.accuracy:.2f} % in {spent:.0f} s")
    print(f"150 epochs take {whole:.0f} s: features are {whole / first:.0f}x as fast, then {whole / again:.0f}x")


if __name__ == "__main__":
    main()
