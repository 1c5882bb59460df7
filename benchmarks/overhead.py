"""What `descend` costs beside the passes of its network: its time over that of bare passes, interleaved in one run.

    python benchmarks/overhead.py [--precision auto] [--images 1 8 32 256] [--sides 32 64 128 224]

Bare passes are the same twin of the network, the same batches, the same precision and as many steps: forward,
cross-entropy, `torch.autograd.grad` to the images, and nothing else. `descend` is the whole call: its set-up, the ball,
the steps and the frames that it notes are all in its time. A cell takes as many steps as fit `--seconds`, 60 at most.
"""

import argparse
import statistics
import time
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from common import interleaved, place
from torch import Tensor

import pellucid as pl
from pellucid.base.devices import at_once, even_batches, pick_precision

NETWORKS = {32: "cifar10-l2-0.5", 64: "animals59-l2-1.0", 128: "natural20-l2-2.0"}


def classifier_at(side: int, device: str) -> pl.Classifier:
    """The bundled classifier of this side, or a ResNet-18, whose speed does not depend on what it has learned."""
    if side in NETWORKS:
        return pl.load(NETWORKS[side], device)
    return pl.Classifier(torchvision.models.resnet18().eval(), 0.5, 0.25).to(device)


def bare(classifier: pl.Classifier, reader, images: Tensor, labels: Tensor, precision: str, steps: int) -> None:
    """The passes alone."""
    size = even_batches(len(images), at_once(images))
    for batch, label in zip(images.split(size), labels.split(size), strict=True):
        batch = batch.contiguous(memory_format=torch.channels_last).requires_grad_()
        for _ in range(steps):
            with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = reader.twin(classifier.normalized(batch))
            torch.autograd.grad(F.cross_entropy(logits.float(), label, reduction="none").sum(), batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 8, 32, 256])
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64, 128, 224])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one side of a cell in one round")
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()
    precision = pick_precision(flags.precision, torch.device(flags.device))
    print(f"{place()}, {precision}; descend over bare passes, the median of {flags.rounds} rounds (steps)")
    print(f"{'images':>6}", *(f"{side:>9} px" for side in flags.sides))
    worst = 0.0
    for count in flags.images:
        print(f"{count:>6}", end="", flush=True)
        for side in flags.sides:
            classifier = classifier_at(side, flags.device)
            images, labels = torch.rand(count, 3, side, side).to(flags.device), torch.arange(count) % 10
            alone = partial(bare, classifier, classifier.reader(), images, labels.to(flags.device), precision)
            alone(1)
            began = time.perf_counter()
            alone(1)
            steps = max(1, min(60, round(flags.seconds / (time.perf_counter() - began))))

            def ours(classifier=classifier, images=images, labels=labels, steps=steps):
                objective, ball = pl.CrossEntropy(labels), pl.L2(1.0)
                pl.descend(classifier, objective, images, ball=ball, steps=steps, precision=precision)

            sides = {"bare": partial(alone, steps), "descend": ours}
            seconds = interleaved(sides, flags.rounds)
            pairs = zip(seconds["descend"], seconds["bare"], strict=True)
            share = statistics.median(a / b for a, b in pairs)
            worst = max(worst, share)
            print(f" {share:7.3f} ({steps:2d})", end="", flush=True)
        print()
    print(f"at worst {100 * (worst - 1):.1f}% over bare passes; the floor is 3%")


if __name__ == "__main__":
    main()
