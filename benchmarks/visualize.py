"""Visualizations together and one by one; activating images against the bare forward pass over them.

    python benchmarks/visualize.py --data cifar10.npz

Memory is bounded by the split of the batch: the peak of a process with 64 and with 256 visualizations stands below.
"""

import argparse
import resource
import subprocess
import sys

import torch
from common import interleaved, place, ratio

import pellucid as pl
from pellucid.evaluation.threat import at_once


def together(classifier: pl.Classifier, count: int, steps: int) -> pl.Descent:
    recipe = pl.VisualizeRecipe(steps=steps, step_size=0.5)
    return pl.visualize(classifier, list(range(count // 4)), recipe, seeds=4)


def one_by_one(classifier: pl.Classifier, count: int, steps: int) -> None:
    recipe = pl.VisualizeRecipe(steps=steps, step_size=0.5)
    for unit in range(count // 4):
        for seed in range(4):
            pl.visualize(classifier, [unit], recipe, seed=seed)


def forward(classifier: pl.Classifier, split: pl.Split) -> None:
    """Nothing but the network, on the batches that a loop over a data set would take."""
    classifier.eval()
    with torch.no_grad():
        for first in range(0, len(split), 500):
            images, _ = split.batch(slice(first, first + 500))
            for part in images.split(at_once(images)):
                classifier.logits(part)


def peak(model: str, count: int) -> float:
    """Peak memory in MB of a process that makes `count` visualizations."""
    code = [sys.executable, __file__, "--model", model, "--child", str(count)]
    return float(subprocess.run(code, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--model", default="cifar10-l2-0.5")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--child", type=int)
    flags = parser.parse_args()
    classifier = pl.load(flags.model, "cpu")
    if flags.child:
        together(classifier, flags.child, 2)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(place())
    seconds = interleaved(
        {
            "one by one": lambda: one_by_one(classifier, 64, flags.steps),
            "together": lambda: together(classifier, 64, flags.steps),
        },
        flags.rounds,
    )
    faster = ratio(seconds, "one by one", "together")
    print(f"64 visualizations of {flags.steps} steps: {min(seconds['together']):.1f} s together, {faster:.2f}x as fast")
    print("peak memory: " + ", ".join(f"{count} images {peak(flags.model, count):.0f} MB" for count in (64, 256)))
    if flags.data:
        full = pl.load_data(flags.data, classifier.size).test
        split = pl.Split(*(t[: flags.images] for t in (full.images, full.labels)))
        seconds = interleaved(
            {"forward": lambda: forward(classifier, split), "activating": lambda: pl.activating(classifier, split)},
            flags.rounds,
        )
        more = 100 * (1 / ratio(seconds, "forward", "activating") - 1)
        print(f"activating, {len(split):,} images: {min(seconds['activating']):.1f} s, {more:+.1f}% over the bare pass")


if __name__ == "__main__":
    main()
