"""`descend` against the textbook loop and against the reference library's loop, on the same work.

    python benchmarks/descend.py [--rounds N] [--device cpu]

`descend` runs in float32 as the loops do, and in "auto", the precision in which tasks make images.

The plain loop is the textbook's PGD: the model in NCHW float32, one forward, `torch.autograd.grad` to the input. The
reference loop restates what MadryLab/robustness does when it is given a custom loss, as all published applications
do: the network runs once for nothing and once for the loss, and a mask keeps the best. Model passes are counted too.
"""

import argparse
import copy
from collections.abc import Callable
from functools import partial

import torch
import torchvision
from common import interleaved, place, ratio
from torch import nn

import pellucid as pl
from pellucid.zoo.networks import build


def plain(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float, steps: int, size: float):
    """The textbook's targeted L2 PGD."""
    moved = images.clone()
    for _ in range(steps):
        moved = moved.detach().requires_grad_()
        loss = nn.functional.cross_entropy(network(moved), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
        with torch.no_grad():
            norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-10).view(-1, 1, 1, 1)
            offset = moved - size * gradient / norm - images
            distance = offset.flatten(1).norm(dim=1).clamp_min(1e-10).view(-1, 1, 1, 1)
            moved = (images + offset * (eps / distance).clamp_max(1)).clamp(0, 1)
    return moved


def reference(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float, steps: int, size: float):
    """The reference library's loop with a custom loss: two forwards a step, and the best kept by boolean masks."""

    def custom(inputs):
        return nn.functional.cross_entropy(network(inputs), labels, reduction="none")

    moved, best, best_loss = images.clone(), None, None
    for _ in range(steps):
        moved = moved.clone().detach().requires_grad_()
        network(moved)  # its output goes to nobody when a custom loss is given
        losses = custom(moved)
        (gradient,) = torch.autograd.grad(losses.mean(), moved)
        with torch.no_grad():
            if best is None:
                best, best_loss = moved.clone().detach(), losses.clone().detach()
            else:
                better = losses < best_loss
                best_loss[better] = losses[better]
                best[better] = moved[better].clone().detach()
            norm = gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            offset = moved - size * gradient / (norm + 1e-10) - images
            moved = (images + offset.renorm(2, 0, eps)).clamp(0, 1)
    with torch.no_grad():
        losses = custom(moved)
        better = losses < best_loss
        best[better] = moved[better]
    return best


def count(network: nn.Module, run: Callable[[], object]) -> int:
    """Forward passes of one run."""
    passes = [0]
    hook = network.register_forward_hook(lambda *_: passes.__setitem__(0, passes[0] + 1))
    run()
    hook.remove()
    return passes[0]


class Normalized(nn.Module):
    """The model as a user of the textbook loop has it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network((images - 0.5) / 0.25)


def settle(network: nn.Module, size: int) -> nn.Module:
    """Batch norm statistics of real passes, so that folding has something to fold."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network((torch.rand(8, 3, size, size) - 0.5) / 0.25)
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--images", type=int, help="of each job; more on a GPU if not given")
    parser.add_argument("--compiled", nargs="?", const="inductor", help="time torch.compile, too, with this backend")
    parser.add_argument("--only", default="", help="a job by the beginning of its name")
    flags = parser.parse_args()
    gpu = flags.device.startswith("cuda")
    print(place())
    jobs = {
        "ResNet-50, 224 px": (lambda: settle(torchvision.models.resnet50(), 224), 224, 64 if gpu else 8, 3),
        "CIFAR ResNet-18, 32 px": (lambda: settle(build("cifar-resnet18", 10), 32), 32, 256 if gpu else 64, 4),
        # Trained, so that rounding is not magnified as it is by random weights.
        "cifar10-l2-0.5, 32 px": (lambda: pl.load("cifar10-l2-0.5", "cpu").network, 32, 256 if gpu else 64, 10),
        "animals59-l2-1.0, 64 px": (lambda: pl.load("animals59-l2-1.0", "cpu").network, 64, 256 if gpu else 32, 6),
    }
    for name, (make, size, batch, steps) in jobs.items():
        if not name.startswith(flags.only):
            continue
        batch = flags.images or batch
        torch.manual_seed(0)
        network = make()
        textbook = Normalized(copy.deepcopy(network)).eval().to(flags.device)
        classifier = pl.Classifier(network, [0.5] * 3, [0.25] * 3).to(flags.device)
        images = torch.rand(batch, 3, size, size).to(flags.device)
        labels = torch.arange(batch).to(flags.device) % 10
        work = (images, labels, 1.0, steps, 0.5)

        def ours(precision, reader=None, classifier=classifier, images=images, labels=labels, steps=steps):
            settings = {"ball": pl.L2(1.0), "steps": steps, "step_size": 0.5, "precision": precision, "reader": reader}
            return pl.descend(classifier, pl.CrossEntropy(labels), images, **settings)

        sides = {
            "plain": lambda work=work, textbook=textbook: plain(textbook, *work),
            "reference": lambda work=work, textbook=textbook: reference(textbook, *work),
            "descend": partial(ours, "float32"),
            "descend, auto": partial(ours, "auto"),
        }
        if flags.compiled:
            reader = classifier.reader()
            reader.run = torch.compile(reader.run, backend=flags.compiled)
            sides["descend, compiled"] = partial(ours, "auto", reader)
        seconds = interleaved(sides, flags.rounds)
        away = float((ours("float32").images - plain(textbook, *work)).abs().max())
        print(f"\n{name}: {batch} images, {steps} steps; largest difference of a pixel from the plain loop {away:.1e}")
        for side, times in seconds.items():
            # A hook would be compiled into the pass, and so change it.
            counted = network if side.startswith("descend") else textbook
            passes = sides[side]().forwards if side.endswith("compiled") else count(counted, sides[side])
            print(f"  {side:<17} {min(times):7.2f} s at best   {passes:3d} forwards")
        for side in [side for side in sides if side.startswith("descend")]:
            print(f"  {side} is {ratio(seconds, 'plain', side):.2f}x as fast as plain", end="")
            print(f" and {ratio(seconds, 'reference', side):.2f}x as fast as the reference loop")


if __name__ == "__main__":
    main()
