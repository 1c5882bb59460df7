"""How time and memory grow with the number of images, their side and the number of classes.

    python benchmarks/growth.py [--out growth.png] [--tasks evaluate fit_gaussians] [--points 3] [--times 3]

A slope is the exponent p of cost ~ size^p, fitted to the points on log-log axes: 1 is linear, 0 is flat, and against
the side 2 is linear in pixels. Each point has a process of its own, because a process's peak never goes down; memory is
what its peak rose by after a tiny run. The images are windows of one strip of noise: they take no memory themselves.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from math import log
from pathlib import Path
from statistics import linear_regression

import torch
from common import place, synchronize

import pellucid as pl
from pellucid.base.devices import peak_memory
from pellucid.base.memory import keep_freed_memory
from pellucid.data.gaussians import usual_grain
from pellucid.zoo.networks import build

ARCH = "preact-16-32-64"


def split(images: int, side: int, classes: int) -> pl.Split:
    numbers = 3 * side * side
    strip = torch.randint(0, 256, (images + numbers - 1,), dtype=torch.uint8)
    return pl.Split(strip.unfold(0, numbers, 1).unflatten(1, (3, side, side)), torch.arange(images) % classes)


def classifier(side: int, classes: int, device: str) -> pl.Classifier:
    return pl.Classifier(build(ARCH, classes).eval(), card={"size": side}).to(device)


def generate(images: int, side: int, classes: int, device: str) -> None:
    labels = torch.arange(images) % classes
    pl.generate(classifier(side, classes, device), labels, pl.GenerateRecipe(steps=10, start="noise"))


def evaluate(images: int, side: int, classes: int, device: str) -> None:
    network, data = classifier(side, classes, device), split(images, side, classes)
    seen = network.logits(data.batch(slice(8))[0].to(device)).argmax(1).mode().values
    own = replace(data, labels=seen.cpu().expand(images))  # what is wrong from the start is not attacked
    pl.evaluate(network, own, pl.EvaluateRecipe(eps=(0.01,), steps=(4,)))


def train(images: int, side: int, classes: int, device: str) -> None:
    names = [str(number) for number in range(classes)]
    data = pl.Dataset("noise", split(images, side, classes), split(64, side, classes), names)
    recipe = pl.TrainRecipe(arch=ARCH, attack=pl.Attack(eps=0.5), epochs=1, batch_size=64)
    with tempfile.TemporaryDirectory() as folder:
        pl.train(data, recipe, Path(folder), device=device)


def stylize(images: int, side: int, classes: int, device: str) -> None:
    content, style = torch.rand(2, 1, 3, side, side)
    pl.stylize(classifier(side, classes, device), content, [style], pl.StylizeRecipe(evaluations=20))


def fit_gaussians(images: int, side: int, classes: int, device: str) -> None:
    pl.fit_gaussians(split(images, side, classes), classes, usual_grain(side))


TASKS = {task.__name__: task for task in (generate, evaluate, train, stylize, fit_gaussians)}
SIDES, CLASSES = (32, 64, 128, 192), (10, 40, 160, 640)
MOST = {"generate": 512, "evaluate": 4000, "train": 4096, "fit_gaussians": 32_000}


def series(task: str, axis: str, points: int) -> list[dict[str, int]]:
    """The sizes at which a task is measured along one axis."""
    if axis == "images":
        sizes = [{"images": MOST[task] // 2**k, "side": 32, "classes": 10} for k in (3, 2, 1, 0)]
    elif axis == "side":
        sides = (64, 128, 256, 512) if task == "stylize" else SIDES
        sizes = [{"images": 64, "side": side, "classes": 10} for side in sides]
    else:
        count = 320 if task == "generate" else 1280
        sizes = [{"images": count, "side": 32, "classes": classes} for classes in CLASSES]
    return sizes[:points]


def measure(task: str, size: dict[str, int], device: str) -> dict[str, float]:
    """Seconds and MB of one run, in this process, which keeps freed memory as the commands do."""
    keep_freed_memory()
    torch.manual_seed(0)  # whose weights decide which images evaluate attacks
    TASKS[task](16, 32, 2, device)
    before, began = peak_memory(torch.device(device)), time.perf_counter()
    TASKS[task](**size, device=device)
    synchronize()
    return {"seconds": time.perf_counter() - began, "MB": (peak_memory(torch.device(device)) - before) / 2**20}


def apart(task: str, size: dict[str, int], device: str, times: int) -> dict[str, float]:
    """The same in processes of their own: the least seconds and the least MB of several."""
    code = [sys.executable, "-W", "ignore", __file__, "--device", device, "--child", task, json.dumps(size)]
    said = [subprocess.run(code, stdout=subprocess.PIPE, text=True, check=True).stdout for _ in range(times)]
    found = [json.loads(text.splitlines()[-1]) for text in said]
    return {unit: min(point[unit] for point in found) for unit in found[0]}


def slope(sizes: list[int], costs: list[float]) -> float:
    return linear_regression([log(size) for size in sizes], [log(cost) for cost in costs]).slope


def draw(found: dict[tuple[str, str], tuple[list[int], dict[str, list[float]]]], path: Path) -> None:
    from pellucid.gallery.plots import figure

    against = list(dict.fromkeys(axis for _, axis in found))
    with figure(path, 4 * len(against), 7, rows=2, columns=len(against)) as (_, grid):
        for (task, axis), (sizes, costs) in found.items():
            for row, (unit, values) in enumerate(costs.items()):
                axes = grid.reshape(2, -1)[row, against.index(axis)]
                label, color = f"{task} {slope(sizes, values):.2f}", f"C{list(TASKS).index(task)}"
                axes.loglog(sizes, values, marker="o", markersize=3, label=label, color=color)
                axes.set_xlabel(axis)
                axes.set_ylabel(unit)
                axes.legend(title="slope")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--points", type=int, choices=(2, 3, 4), default=4, help="of each series, from the smallest")
    parser.add_argument("--times", type=int, default=3, help="how often each point is measured; the least counts")
    parser.add_argument("--out", type=Path, default=Path("growth.png"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        print(json.dumps(measure(flags.child[0], json.loads(flags.child[1]), flags.device)))
        return
    print(f"{place()}\n\n| task | against | seconds | slope | MB | slope |\n|---|---|---|---|---|---|", flush=True)
    found = {}
    for task in flags.tasks:
        for axis in ("side",) if task == "stylize" else ("images", "side", "classes"):
            sizes = series(task, axis, flags.points)
            points = [apart(task, size, flags.device, flags.times) for size in sizes]
            along = [size[axis] for size in sizes]
            costs = {unit: [max(1.0 if unit == "MB" else 1e-3, point[unit]) for point in points] for unit in points[0]}
            found[task, axis] = along, costs
            cells = [f"{x[0]:.3g} to {x[-1]:.3g} | {slope(along, x):.2f}" for x in costs.values()]
            print(f"| {task} | {axis}, {along[0]} to {along[-1]} | {' | '.join(cells)} |", flush=True)
    draw(found, flags.out)
    print(f"\n{flags.out}")


if __name__ == "__main__":
    main()
