"""Does bfloat16 keep the pictures? Every task in float32 and in bfloat16, from the same images and the same seeds.

    python benchmarks/precision.py --data natural20.npz --judges natural20-standard [--count 40] [--tasks generate ...]

Both results are measured in float32: the loss that the task lowers, at the images that it returned, and the share in
which a judge, which had no part in making them, sees the intended class. `worse` is the change of the mean loss from
float32 to bfloat16 in percent of it, with half the 95% interval of the paired differences; the rule is at most 2%.
Inpainting's loss is as the task reports it. Seconds are not interleaved, and only give an idea.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.core.batch import at_once, norms
from pellucid.data.draw import drawn
from pellucid.statistics.judge import Judge

Measured = tuple[Tensor, Tensor]  # images `(N, 3, H, W)`, and the loss of each in float32


@dataclass(frozen=True)
class Bench:
    """What all tasks are given: photos of known classes, and another class for each."""

    classifier: pl.Classifier
    photos: Tensor
    classes: Tensor
    others: Tensor
    seed: int

    @torch.no_grad()
    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and representations, in float32."""
        found = [self.classifier(part) for part in images.split(at_once(images))]
        return torch.cat([f.logits for f in found]), torch.cat([f.representation for f in found])

    def toward(self, made: pl.Descent, labels: Tensor) -> Measured:
        return made.images, F.cross_entropy(self.read(made.images)[0], labels, reduction="none")

    def raised(self, made: pl.Descent, unit: int) -> Measured:
        return made.images, -self.read(made.images)[1][:, unit]

    @property
    def mask(self) -> Tensor:
        side = self.photos.shape[2]
        return pl.patch_mask(len(self.photos), (side, side), side * 5 // 16, self.seed)

    @property
    def drawings(self) -> Tensor:
        """The photos in few flat colors."""
        coarse = F.interpolate(F.avg_pool2d(self.photos, 8), self.photos.shape[2:], mode="nearest")
        return (coarse * 4).round() / 4


def generated(b: Bench, **options) -> Measured:
    return b.toward(pl.generate(b.classifier, b.classes, seed=b.seed, **options), b.classes)


def translated(b: Bench, **options) -> Measured:
    return b.toward(pl.translate(b.classifier, b.photos, b.others, **options), b.others)


def sketched(b: Bench, **options) -> Measured:
    return b.toward(pl.sketch(b.classifier, b.drawings, b.classes, seed=b.seed, **options), b.classes)


def brushed(b: Bench, **options) -> Measured:
    return b.toward(pl.brush(b.classifier, b.photos, b.mask, b.others, **options), b.others)


def enlarged(b: Bench, **options) -> Measured:
    return b.toward(pl.superres(b.classifier, F.avg_pool2d(b.photos, 4), b.classes, **options), b.classes)


def inpainted(b: Bench, **options) -> Measured:
    made = pl.inpaint(b.classifier, b.photos, b.mask, b.classes, seed=b.seed, **options)
    return made.images, made.loss


def inverted(b: Bench, **options) -> Measured:
    made = pl.invert(b.classifier, b.photos, seed=b.seed, **options)
    return made.images, torch.tensor(made.info["result"]["distance"])


def interpolated(b: Bench, **options) -> Measured:
    """From each photo to the next; the images in the middle."""
    made = pl.interpolate(b.classifier, b.photos, b.photos.roll(1, 0), intervals=2, **options).images[1::3]
    ends = b.read(b.photos)[1]
    wanted = (ends + ends.roll(1, 0)) / 2
    return made, norms(b.read(made)[1] - wanted) / norms(wanted)


def visualized(b: Bench, **options) -> Measured:
    names = [f"logits:{label}" for label in b.classes.tolist()]
    made = pl.visualize(b.classifier, names, seed=b.seed, **options).images
    return made, -b.read(made)[0].gather(1, b.classes[:, None])[:, 0]


def painted(b: Bench, **options) -> Measured:
    return b.raised(pl.paint(b.classifier, b.photos, [pl.Stroke(b.mask, 3)], **options)[-1], 3)


def manipulated(b: Bench, **options) -> Measured:
    return b.raised(pl.manipulate(b.classifier, b.photos, 3, **options), 3)


def stylized(b: Bench, **options) -> Measured:
    """Each photo in the style of the next; the loss is that of an evaluation in float32 at the result."""
    made, losses = [], []
    for content, style in zip(b.photos.split(1), b.photos.roll(1, 0).split(1), strict=True):
        work = (b.classifier, content, [style])
        made.append(pl.stylize(*work, seed=b.seed, **options).images)
        seen: list[float] = []
        pl.stylize(*work, start=made[-1], smallest=content.shape[2], evaluations=2, precision="float32",
                   callback=lambda p, seen=seen: seen.append(float(p.losses.total)))  # fmt: skip
        losses.append(seen[0])
    return torch.cat(made), torch.tensor(losses)


TASKS: dict[str, tuple[Callable[..., Measured], str]] = {  # and which class its images are to show
    "generate": (generated, "classes"),
    "translate": (translated, "others"),
    "sketch": (sketched, "classes"),
    "brush": (brushed, "others"),
    "superres": (enlarged, "classes"),
    "inpaint": (inpainted, "classes"),
    "invert": (inverted, "classes"),
    "interpolate": (interpolated, "classes"),
    "visualize": (visualized, "classes"),
    "paint": (painted, "classes"),
    "manipulate": (manipulated, "classes"),
    "stylize": (stylized, "classes"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--judges", nargs="+", default=["natural20-standard"])
    parser.add_argument("--model", default="natural20-l2-2.0")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    classifier = pl.load(flags.model, "cpu")
    names = classifier.class_names or []
    judges = {name: Judge(pl.load(name, "cpu"), names) for name in flags.judges}
    split = pl.load_data(flags.data, size=classifier.size).test
    photos, classes = split.batch(drawn(split.labels, flags.count, flags.seed))
    bench = Bench(classifier, photos, classes, (classes + len(names) // 2) % len(names), flags.seed)
    print(f"{place()}; {flags.count} results a task by {flags.model}; in class: float32, bfloat16")
    print(f"{'task':<12} {'float32':>9} {'bfloat16':>9} {'worse, %':>15} {'faster':>7}", *judges)
    for task in flags.tasks:
        make, meant = TASKS[task]
        labels, made, seconds = getattr(bench, meant), {}, {}
        for precision in ("float32", "bfloat16"):
            began = time.perf_counter()
            made[precision] = make(bench, precision=precision)
            seconds[precision] = time.perf_counter() - began
        (_, full), (_, half) = made.values()
        apart, scale = half - full, 100 / float(full.mean().abs())
        worse = f"{scale * float(apart.mean()):+.2f} ± {scale * 1.96 * float(apart.std()) / len(apart) ** 0.5:.2f}"
        shares = []
        for judge in judges.values():
            known = torch.isin(labels, judge.known)
            seen = [(judge.look(images[known])[0] == labels[known]).float().mean() for images, _ in made.values()]
            shares.append(" ".join(f"{100 * float(share):5.1f}%" for share in seen))
        faster = seconds["float32"] / seconds["bfloat16"]
        print(f"{task:<12} {full.mean():9.3g} {half.mean():9.3g} {worse:>15} {faster:6.2f}x", *shares, flush=True)


if __name__ == "__main__":
    main()
