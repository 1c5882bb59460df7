"""Time per image from batch 1 to 256, and peak memory with and without the split.

    python benchmarks/batch.py [--device cpu]

Each memory figure comes from a process of its own, because a process's peak never goes down.
"""

import argparse
import subprocess
import sys
from functools import partial

import torch
from common import interleaved, place

import pellucid as pl
from pellucid.base.devices import peak_memory
from pellucid.zoo.networks import build


def prepared(batch: int, device: str):
    """A classifier with random weights, images and their labels."""
    torch.manual_seed(0)
    classifier = pl.Classifier(build("preact-32-80-160-320", 10).eval()).to(device)
    return classifier, torch.rand(batch, 3, 32, 32).to(device), torch.arange(batch).to(device) % 10


def run(classifier: pl.Classifier, images: torch.Tensor, labels: torch.Tensor, steps: int, split: int | None = None):
    pl.descend(classifier, pl.CrossEntropy(labels), images, ball=pl.L2(1.0), steps=steps, batch_size=split)


def peak(batch: int, split: int, device: str) -> float:
    """Peak memory in MB of a process that descends on `batch` images, `split` at a time."""
    code = [sys.executable, __file__, "--device", device, "--child", str(batch), str(split)]
    return float(subprocess.run(code, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--images", type=int, default=1024, help="whose memory is measured")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    flags = parser.parse_args()
    if flags.child:
        batch, split = flags.child
        run(*prepared(batch, flags.device), steps=2, split=split)
        print(peak_memory(torch.device(flags.device)) / 2**20)
        return
    print(place())
    work = {str(batch): prepared(batch, flags.device) for batch in flags.batches}
    seconds = interleaved({name: partial(run, *given, steps=10) for name, given in work.items()}, flags.rounds)
    for batch in flags.batches:
        print(f"batch {batch:>3}: {1000 * min(seconds[str(batch)]) / batch / 10:6.2f} ms an image and step")
    count = flags.images
    print(f"peak memory of {count} images, all at once and split:")
    for split in (count, count // 4, count // 16):
        print(f"  {split:>4} at a time: {peak(count, split, flags.device):6.0f} MB")
    print(f"  of {4 * count} images, {count // 4} at a time: {peak(4 * count, count // 4, flags.device):6.0f} MB")


if __name__ == "__main__":
    main()
