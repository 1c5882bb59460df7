"""Adversarial training against the reference library's loop: seconds a step, accuracy, and passes to a robustness.

    python benchmarks/train.py                              a PGD-7 step of a CIFAR ResNet-18, batch 128
    python benchmarks/train.py --data cifar10.npz           also small networks, trained by both sides with 3 seeds,
                                                            and the default recipe against PGD-7

The reference loop restates in plain PyTorch what MadryLab/robustness does in a training step: PGD in eval mode that
keeps the best point by boolean masks and evaluates the last one too, then a step of SGD on what it found.
"""

import argparse
import copy
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from common import interleaved, place, ratio
from torch import nn

import pellucid as pl
from pellucid.data.augment import Draws, crop_flip
from pellucid.data.loader import Batch
from pellucid.training.recipe import Attack, TrainRecipe
from pellucid.training.schedule import one_cycle
from pellucid.training.train import Run
from pellucid.training.watch import LossWatch
from pellucid.zoo.networks import build

PGD7 = Attack(eps=0.5, steps=7, step_size=0.1)


class Normalized(nn.Module):
    """The model as the reference library has it: normalization in front, images in [0, 1]."""

    def __init__(self, network: nn.Module, mean, std):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images):
        return self.network((images - self.mean) / self.std)


def reference_step(model: nn.Module, optimizer, images, labels, attack: Attack):
    """One adversarial training step as the reference library takes it."""
    model.eval()
    moved, best, best_loss = images.clone(), None, None
    for _ in range(attack.steps):
        moved = moved.clone().detach().requires_grad_()
        losses = F.cross_entropy(model(moved), labels, reduction="none")
        (gradient,) = torch.autograd.grad(losses.mean(), moved)
        with torch.no_grad():
            best, best_loss = keep(moved, losses, best, best_loss)
            norm = gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            offset = moved + attack.length * gradient / (norm + 1e-10) - images
            moved = (images + offset.renorm(2, 0, attack.eps)).clamp(0, 1)
    with torch.no_grad():
        losses = F.cross_entropy(model(moved), labels, reduction="none")
        best, _ = keep(moved, losses, best, best_loss)
    model.train()
    loss = F.cross_entropy(model(best), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def keep(moved, losses, best, best_loss):
    if best is None:
        return moved.clone().detach(), losses.clone().detach()
    better = losses > best_loss
    best_loss[better] = losses[better]
    best[better] = moved[better].clone().detach()
    return best, best_loss


def reference_train(data: pl.Dataset, recipe: TrainRecipe, seed: int) -> pl.Classifier:
    """A small network trained by the reference's steps, with our schedule, augmentation and initial weights."""
    run = Run(data, replace(recipe, seed=seed), torch.device("cpu"), "float32")
    classifier = run.state.classifier
    network = copy.deepcopy(classifier.network).to(memory_format=torch.contiguous_format)
    model = Normalized(network, classifier.mean.flatten().tolist(), classifier.std.flatten().tolist())
    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    generator, rate, step = torch.Generator().manual_seed(seed), one_cycle(), 0
    for epoch in range(recipe.epochs):
        for batch in run.loader.epoch(epoch):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * rate((step + 0.5) / run.steps)
            images = crop_flip(batch.images, Draws(generator, len(batch.labels))).contiguous()
            reference_step(model, optimizer, images, batch.labels, recipe.attack)
            step += 1
    return pl.Classifier(network, model.mean.flatten().tolist(), model.std.flatten().tolist(), data.class_names).eval()


def time_a_step(device: str, rounds: int, count: int) -> None:
    """The reference's step beside ours, in float32 and in what `--precision auto` takes."""
    torch.manual_seed(0)
    images, labels = torch.randint(0, 256, (count, 3, 32, 32)).byte(), torch.arange(count) % 10
    split = pl.Split(images, labels)
    data = pl.Dataset("noise", split, split, [str(label) for label in range(10)])
    recipe = TrainRecipe(arch="cifar-resnet18", attack=PGD7, augment="none")
    runs = {name: Run(data, recipe, torch.device(device), name) for name in ("float32", "auto")}
    model = Normalized(build("cifar-resnet18", 10), [0.5] * 3, [0.25] * 3).to(device)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    floats = (images.float() / 255).to(device)
    batch = Batch(images.to(device), labels.to(device), torch.arange(count))
    sides = {"reference": lambda: reference_step(model, optimizer, floats, labels.to(device), PGD7)}
    sides |= {name: lambda run=run: run.step(batch, 0, LossWatch(1, split)) for name, run in runs.items()}
    counted = {"reference": [model.network]}
    counted |= {name: [run.state.classifier.network, run.learner.reader.twin] for name, run in runs.items()}
    seconds = interleaved(sides, rounds)
    print(f"\nCIFAR ResNet-18, batch {count}, PGD-7")
    for name, times in seconds.items():
        print(f"  {name:<10} {min(times):6.2f} s at best   {passes(counted[name], sides[name])} forwards")
    for name, run in runs.items():
        print(f"  {ratio(seconds, 'reference', name):.2f}x the reference's speed in {name} ({run.precision})")


def passes(networks: Sequence[nn.Module], step) -> int:
    count = []
    hooks = [network.register_forward_pre_hook(lambda *_: count.append(1)) for network in networks]
    step()
    for hook in hooks:
        hook.remove()
    return len(count)


def compare_accuracy(data: pl.Dataset, recipe: TrainRecipe, seeds: int, steps: int, count: int) -> None:
    """The same recipe trained by the reference's steps and by ours; then one attack step in place of seven."""

    def ours(recipe: TrainRecipe, seed: int) -> pl.Classifier:
        with tempfile.TemporaryDirectory() as folder:
            return pl.train(data, replace(recipe, seed=seed), Path(folder))

    single = replace(recipe, attack=replace(recipe.attack, steps=1, step_size=None))
    makers = {
        "reference, PGD-7": (8, lambda seed: reference_train(data, recipe, seed)),
        "pellucid, PGD-7": (8, lambda seed: ours(replace(recipe, average=0.0), seed)),
        "pellucid, PGD-7, averaged": (8, lambda seed: ours(recipe, seed)),
        "pellucid, default": (2, lambda seed: ours(single, seed)),
    }
    print(f"\n{recipe.arch}, {recipe.epochs} epochs of {len(data.train)} images, {seeds} seeds")
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in makers}
    for seed in range(seeds):
        for name, (_, make) in makers.items():
            result = pl.evaluate(make(seed), data.test, pl.EvaluateRecipe(eps=(0.5,), steps=(steps,), count=count))
            clean, robust = 100 * result.clean, 100 * result.robust[0.5][f"pgd-{steps}"]
            measured[name].append((clean, robust))
            print(f"  seed {seed}   {name:<26} clean {clean:5.2f}   PGD-{steps} {robust:5.2f}", flush=True)
    for name, (cost, _) in makers.items():
        clean, robust = zip(*measured[name], strict=True)
        print(f"  {name:<26} {cost} passes   clean {spread(clean)}   PGD-{steps} {spread(robust)}")


def spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):5.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128, help="images of a step that is timed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--data", help="CIFAR-10, to compare accuracies too")
    parser.add_argument("--arch", default="preact-16-32-64-128")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=2000, help="test images that are evaluated")
    flags = parser.parse_args()
    print(place())
    time_a_step(flags.device, flags.rounds, flags.batch)
    if flags.data:
        data = pl.load_data(flags.data)
        index = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[: flags.images]
        part = pl.Split(data.train.images[index], data.train.labels[index])
        recipe = TrainRecipe(arch=flags.arch, epochs=flags.epochs, attack=PGD7)
        compare_accuracy(replace(data, train=part), recipe, flags.seeds, steps=20, count=flags.count)


if __name__ == "__main__":
    main()
