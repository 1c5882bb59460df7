"""PGD accuracy by pellucid, torchattacks and foolbox: the same network, images, radius, steps and step size.

    python -m venv peers
    peers/bin/pip install -e . foolbox && peers/bin/pip install --no-deps torchattacks
    peers/bin/python benchmarks/peers.py --data cifar10.npz --count 500

The two libraries are no dependencies of pellucid: torchattacks pins an old `requests`, hence an environment apart and
`--no-deps`. All three begin at the image itself and take every step; the accuracy is that of the last point, verified
by one function for all. pellucid is also measured as `pellucid evaluate` runs it, where an image is out at its first
success.
"""

import argparse
import time
from collections.abc import Callable

import torch
from common import place
from torch import Tensor, nn

import pellucid as pl
from pellucid.evaluation.pgd import PGD
from pellucid.evaluation.threat import fooled, seen, threat_ball

Attack = Callable[[pl.Classifier, Tensor, Tensor, str, float, int, float], Tensor]


class Logits(nn.Module):
    """A classifier as the other libraries want it: a frozen module from images to logits."""

    def __init__(self, classifier: pl.Classifier):
        super().__init__()
        self.classifier = classifier.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        # There and back, so that gradients come in the layout of which torchattacks takes a view.
        return self.classifier.logits(images.flatten(1).view_as(images))


def by_pellucid(classifier, images, labels, norm, eps, steps, step_size) -> Tensor:
    objective, ball = -pl.CrossEntropy(labels), threat_ball(norm, eps)
    return pl.descend(classifier, objective, images, ball=ball, steps=steps, step_size=step_size).images


def by_torchattacks(classifier, images, labels, norm, eps, steps, step_size) -> Tensor:
    import torchattacks

    kind = torchattacks.PGDL2 if norm == "l2" else torchattacks.PGD
    attack = kind(Logits(classifier), eps=eps, alpha=step_size, steps=steps, random_start=False)
    return torch.cat([attack(x, y) for x, y in zip(images.split(85), labels.split(85), strict=True)])


def by_foolbox(classifier, images, labels, norm, eps, steps, step_size) -> Tensor:
    import foolbox

    kind = foolbox.attacks.L2PGD if norm == "l2" else foolbox.attacks.LinfPGD
    attack = kind(abs_stepsize=step_size, steps=steps, random_start=False)
    model = foolbox.PyTorchModel(Logits(classifier), bounds=(0, 1), device=images.device)
    parts = zip(images.split(85), labels.split(85), strict=True)
    return torch.cat([attack(model, x, y, epsilons=eps)[1] for x, y in parts])


PEERS: dict[str, Attack] = {"pellucid": by_pellucid, "torchattacks": by_torchattacks, "foolbox": by_foolbox}


def accuracy(attack: Attack, classifier, images, labels, norm, eps, steps, step_size) -> float:
    """Percent of images that are right and withstand the attack."""
    right = seen(classifier, images) == labels
    points = attack(classifier, images, labels, norm, eps, steps, step_size)
    broken = fooled(classifier, points, images, labels, threat_ball(norm, eps))
    return 100 * float((right & ~broken).float().mean())


def stopping(classifier, images, labels, norm, eps, steps, step_size) -> float:
    """Percent that withstand the attack as `pellucid evaluate` runs it."""
    right = (seen(classifier, images) == labels).nonzero()[:, 0]
    held = PGD(steps, step_size)(classifier, images[right], labels[right], right, threat_ball(norm, eps))
    return 100 * int(held.sum()) / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cifar10-l2-0.5")
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=20)
    flags = parser.parse_args()
    print(place())
    classifier = pl.load(flags.model)
    images, labels = pl.load_data(flags.data, classifier.size).test.batch(slice(flags.count))
    images, labels = images.to(classifier.device), labels.to(classifier.device)
    for norm, eps in (("l2", 0.5), ("linf", 2 / 255)):
        settings = (norm, eps, flags.steps, 2.5 * eps / flags.steps)
        for name, attack in PEERS.items():
            began = time.perf_counter()
            share = accuracy(attack, classifier, images, labels, *settings)
            print(f"{norm} eps {eps:.4g}  {name:<20} {share:6.2f}  {time.perf_counter() - began:5.0f} s", flush=True)
        began = time.perf_counter()
        share = stopping(classifier, images, labels, *settings)
        print(f"{norm} eps {eps:.4g}  {'pellucid evaluate':<20} {share:6.2f}  {time.perf_counter() - began:5.0f} s")


if __name__ == "__main__":
    main()
