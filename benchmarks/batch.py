"""Time per image from batch 1 to 256, and peak memory with and without the split.

    python benchmarks/batch.py

Each memory figure comes from a process of its own, because a process's peak never goes down.
"""

import argparse
import resource
import subprocess
import sys

import torch
from common import interleaved, place

import pellucid as pl
from pellucid.zoo.networks import build


def run(batch: int, steps: int, split: int | None) -> None:
    torch.manual_seed(0)
    classifier = pl.Classifier(build("preact-32-80-160-320", 10).eval())
    images, labels = torch.rand(batch, 3, 32, 32), torch.arange(batch) % 10
    options = {} if split is None else {"batch_size": split}
    pl.descend(classifier, pl.CrossEntropy(labels), images, ball=pl.L2(1.0), steps=steps, **options)


def peak(batch: int, split: int) -> float:
    """Peak memory in MB of a process that descends on `batch` images, `split` at a time."""
    code = [sys.executable, __file__, "--child", str(batch), str(split)]
    return float(subprocess.run(code, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", type=int, nargs=2)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    if flags.child:
        run(flags.child[0], 2, flags.child[1])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(place())
    sizes = (1, 4, 16, 64, 256)
    torch.manual_seed(0)
    classifier = pl.Classifier(build("preact-32-80-160-320", 10).eval())

    def side(batch: int):
        images, labels = torch.rand(batch, 3, 32, 32), torch.arange(batch) % 10
        return lambda: pl.descend(classifier, pl.CrossEntropy(labels), images, ball=pl.L2(1.0), steps=10)

    seconds = interleaved({str(batch): side(batch) for batch in sizes}, flags.rounds)
    for batch in sizes:
        print(f"batch {batch:>3}: {1000 * min(seconds[str(batch)]) / batch / 10:6.2f} ms an image and step")
    print("peak memory of 1024 images, all at once and split:")
    for split in (1024, 256, 64):
        print(f"  {split:>4} at a time: {peak(1024, split):6.0f} MB")
    print(f"  of 4096 images, 256 at a time: {peak(4096, 256):6.0f} MB")


if __name__ == "__main__":
    main()
