"""Seconds and memory of networks of 224 px on this machine, as the table of docs/how-to/imagenet.md.

    python benchmarks/large.py
    python benchmarks/large.py --device cuda --precision auto

The weights are random, since time does not depend on them: nothing is fetched. Each row comes from a process of its
own, because a process's peak of memory never goes down. A step's time is the difference of a long and a short descent,
so that what both have in common does not count.
"""

import argparse
import resource
import subprocess
import sys
import time

import torch
from common import place, synchronize

import pellucid as pl
from pellucid.base.devices import pick_precision
from pellucid.zoo.networks import build

NETWORKS = {
    "natural20-l2-2.0, 128 px": ("smooth4-48-96-208-416", 20, 128),
    "ResNet-18, 224 px": ("torchvision:resnet18", 1000, 224),
    "ResNet-50, 224 px": ("torchvision:resnet50", 1000, 224),
    "Wide ResNet-50-2, 224 px": ("torchvision:wide_resnet50_2", 1000, 224),
}


def row(network: str, batch: int, device: str, precision: str, steps: int) -> str:
    """The row of a network and a number of images: seconds a step, of 60 steps, and peak memory in GiB."""
    torch.manual_seed(0)
    arch, classes, size = NETWORKS[network]
    classifier = pl.Classifier(build(arch, classes), card={"size": size}).eval().to(device)
    options = {"start": torch.rand(batch, 3, size, size), "precision": pick_precision(precision, classifier.device)}

    def seconds(count: int) -> float:
        synchronize()
        began = time.perf_counter()
        pl.generate(classifier, [0] * batch, steps=count, eps=8.0, step_size=8.0, **options)
        synchronize()
        return time.perf_counter() - began

    seconds(1)
    short, long = seconds(1), seconds(1 + steps)
    step = (long - short) / steps
    cuda = classifier.device.type == "cuda"
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    memory = torch.cuda.max_memory_allocated() if cuda else peak
    return f"| {network} | {batch} | {step:.3f} | {short + 59 * step:.1f} | {memory / 2**30:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        print(row(flags.networks[0], flags.batches[0], flags.device, flags.precision, flags.steps))
        return
    print(f"{place()}, {flags.device}, {flags.precision}\n")
    print("| network | images | seconds a step | seconds for 60 steps | GiB at most |\n|---|---|---|---|---|")
    for network in flags.networks:
        for batch in flags.batches:
            words = ["--device", flags.device, "--precision", flags.precision, "--steps", str(flags.steps), "--child"]
            words += ["--networks", network, "--batches", str(batch)]
            print(subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True).stdout,
                  end="", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
