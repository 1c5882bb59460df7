"""Style transfer: evaluations a second, evaluations to a given loss, and memory.

    python benchmarks/style.py speed [--model NAME ...] [--size 256] [--rounds 10]
    python benchmarks/style.py evaluations --model NAME [--size 256] [--content FILE --style FILE]
    python benchmarks/style.py memory --model NAME [--size 2048] [--tile 512]

`speed` compares with a plain eager implementation of the same losses: the network in NCHW and float32, run to its end,
its layers kept by hooks, the targets computed once. `evaluations` counts what coarse-to-fine needs, all scales counted,
to the loss that torch's default L-BFGS reaches in 500 evaluations at full size. `memory` is the peak of a process
that makes one evaluation, whole and by tiles. Without --model, networks have random weights.
"""

import argparse
import copy
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from common import interleaved, place, ratio

import pellucid as pl
from pellucid import Classifier, StylizeRecipe
from pellucid.base.devices import peak_memory
from pellucid.data.image import read_image
from pellucid.style.objective import Losses
from pellucid.style.optimize import LBFGS, PlainLBFGS, minimize
from pellucid.style.prepare import prepare
from pellucid.style.pyramid import resized, scales, with_shorter_side
from pellucid.style.stylize import make_reader
from pellucid.zoo.networks import build

ARCHITECTURES = ("torchvision:squeezenet1_0", "torchvision:resnet50", "torchvision:vgg19")


def random_network(arch: str) -> Classifier:
    torch.manual_seed(0)
    with torch.no_grad():
        network = build(arch, 1000).train()
        for _ in range(2):  # batch norm statistics of real passes
            network(torch.randn(4, 3, 64, 64))
    return Classifier(network.eval(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), card={"size": 224})


def pictures(flags: argparse.Namespace, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    if flags.content and flags.style:
        content, style = (read_image(path)[None] for path in (flags.content, flags.style))
        return resized(content, (height, width)), with_shorter_side(style, min(height, width))
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, height // 16, width // 16, generator=generator)
    content, style = resized(coarse, (height, width)).chunk(2)
    return content, style


class Plain:
    """The textbook's evaluation of the same losses."""

    def __init__(self, classifier: Classifier, objective, content: torch.Tensor, style: torch.Tensor):
        self.network = copy.deepcopy(classifier.network).to(memory_format=torch.contiguous_format).eval()
        self.mean, self.std = classifier.mean, classifier.std
        reader = objective.reader
        self.style_layers, self.content_layers = reader.style_layers, reader.content_layers
        self.kept: dict[str, torch.Tensor] = {}
        for name in {*self.style_layers, *self.content_layers}:
            module = self.network.get_submodule(classifier.layers[name])
            module.register_forward_hook(lambda m, a, output, name=name: self.kept.__setitem__(name, output.clone()))
        self.weights = {term.layer: term.weight for term in objective.terms}
        self.content_weights = objective.content_weights
        with torch.no_grad():
            self.read(style)
            self.grams = {name: self.gram(self.kept[name]) for name in self.style_layers}
            self.read(content)
            self.features = {name: self.kept[name] for name in self.content_layers}

    def read(self, images: torch.Tensor) -> None:
        self.network((images - self.mean) / self.std)

    @staticmethod
    def gram(features: torch.Tensor) -> torch.Tensor:
        rows = features.flatten(2)[0]
        return rows @ rows.T / features.numel()

    def __call__(self, images: torch.Tensor) -> tuple[float, torch.Tensor]:
        images = images.clone().requires_grad_()
        self.read(images)
        loss = torch.zeros((), device=images.device)
        for name in self.style_layers:
            loss = loss + self.weights[name] * (self.gram(self.kept[name]) - self.grams[name]).square().mean()
        for name in self.content_layers:
            loss = loss + self.content_weights[name] * (self.kept[name] - self.features[name]).square().sum()
        loss.backward()
        assert images.grad is not None
        return loss.item(), images.grad


def setting(flags: argparse.Namespace, classifier: Classifier, **changes):
    height, width = flags.size, round(flags.size * 4 / 3) if flags.task != "memory" else flags.size
    content, style = (picture.to(classifier.device) for picture in pictures(flags, height, width))
    recipe = StylizeRecipe(content_weight=1.0, **changes)
    return content, style, recipe, make_reader(classifier, classifier, recipe)


def speed(flags: argparse.Namespace) -> None:
    named = {name: pl.load(name, flags.device) for name in flags.model}
    named = named or {arch: random_network(arch).to(flags.device) for arch in ARCHITECTURES}
    for name, classifier in named.items():
        content, style, recipe, reader = setting(flags, classifier)
        objective = prepare(reader, content, [style], recipe, [1.0], [None])
        plain = Plain(classifier, objective, content, style)
        image = (content + style[..., : content.shape[2], : content.shape[3]].mean()) / 2
        (losses, ours), (loss, theirs) = objective(image), plain(image)
        apart = float((ours - theirs).norm() / theirs.norm())
        seconds = interleaved({"plain": partial(plain, image), "ours": partial(objective, image)}, flags.rounds)
        print(
            f"{Path(name).name}, {content.shape[3]} x {content.shape[2]}: losses {losses.total:.5g} and {loss:.5g}, ",
            end="",
        )
        print(f"gradients {apart:.1e} apart")
        for side, times in seconds.items():
            print(f"  {side:<6} {1 / min(times):7.2f} evaluations a second at best")
        print(f"  {ratio(seconds, 'plain', 'ours'):.2f}x as fast")


def evaluations(flags: argparse.Namespace) -> None:
    classifier = pl.load(flags.model[0], flags.device)
    content, style, recipe, reader = setting(flags, classifier)
    recipe = replace(recipe, content_weight=0.1)
    objective = prepare(reader, content, [style], recipe, [1.0], [None])
    plain = minimize(objective, content, PlainLBFGS(), flags.evaluations)
    goal = min(losses.total for losses in plain.history)
    print(f"{flags.evaluations} evaluations of torch's default L-BFGS at full size: {goal:.5f} at best")
    moved, spent, history = content, 0, []
    sizes = scales(content.shape[2], content.shape[3], recipe.smallest)
    for size in sizes:
        moved = resized(moved, size)
        last = size == sizes[-1]
        here = prepare(reader, resized(content, size), [with_shorter_side(style, min(size))], recipe, [1.0], [None])
        found = minimize(
            here, moved, LBFGS(), flags.evaluations if last else flags.coarse, Stop(goal) if last else None
        )
        moved, spent, history = found.images, spent + len(found.history), found.history
    reached = min(losses.total for losses in history) <= goal
    print(f"coarse to fine ({len(sizes)} scales, {flags.coarse} evaluations on each but the last): ", end="")
    print(f"{'reached' if reached else 'NOT reached'} after {spent} evaluations, {len(history)} of them at full size")
    alone = minimize(objective, content, LBFGS(), flags.evaluations, Stop(goal))
    print(f"our L-BFGS at full size alone: {len(alone.history)} evaluations")


class Stop:
    """Ends a descent that has reached a loss."""

    def __init__(self, goal: float):
        self.goal = goal

    def __call__(self, losses: Losses, images: torch.Tensor) -> None:
        if losses.total <= self.goal:
            raise KeyboardInterrupt


def memory(flags: argparse.Namespace) -> None:
    if not flags.child:
        for tile in (flags.tile, 0):
            words = [sys.executable, __file__, "memory", "--child", "--size", str(flags.size), "--tile", str(tile)]
            subprocess.run([*words, "--device", flags.device, "--model", *flags.model], check=True)
        return
    classifier = pl.load(flags.model[0], flags.device) if flags.model else random_network(ARCHITECTURES[0])
    content, style, recipe, reader = setting(flags, classifier, tile=flags.tile, optimizer="adam")
    before = peak_memory(classifier.device)
    objective = prepare(reader, content, [style], recipe, [1.0], [None])
    objective(content)
    peak = peak_memory(classifier.device)
    how = f"tiles of {flags.tile}" if flags.tile else "in one piece"
    print(f"{flags.size} x {flags.size}, {how}: peak {peak / 2**30:.2f} GiB ({before / 2**30:.2f} before)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["speed", "evaluations", "memory"])
    parser.add_argument("--model", nargs="*", default=[])
    parser.add_argument("--size", type=int)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--coarse", type=int, default=25)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--content", type=Path)
    parser.add_argument("--style", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    flags.size = flags.size or (2048 if flags.task == "memory" else 256)
    if not flags.child:
        print(place())
    {"speed": speed, "evaluations": evaluations, "memory": memory}[flags.task](flags)


if __name__ == "__main__":
    main()
