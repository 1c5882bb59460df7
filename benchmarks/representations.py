"""What the representations of a robust classifier know that those of a standard one do not, in numbers.

    pellucid train --data cifar10.npz --arch preact-24-48-96-192 --epochs 8 --seed 11 --attack.eps 0.25 --out runs/judge
    python benchmarks/representations.py --judge runs/judge/judge --data cifar10.npz

The judge had no part in making the images: another network, another seed. It is itself a little robust, because the
noise that a standard classifier's inversions consist of deceives other standard classifiers too.
"""

import argparse
import statistics

import torch
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.data.quality import ghosting, psnr, ssim


def percent(bools: Tensor) -> str:
    return f"{100 * float(bools.float().mean()):5.1f}%"


def inversion(makers: dict[str, pl.Classifier], judge: pl.Classifier, images: Tensor, labels: Tensor) -> None:
    known = percent(judge.predict(images) == labels)
    print(f"\ninversion of {len(images)} test images from noise (of themselves the judge knows {known})")
    for name, maker in makers.items():
        made = pl.invert(maker, images)
        away, near, alike = (statistics.mean(made.info["result"][key]) for key in ("distance", "psnr", "ssim"))
        known = percent(judge.predict(made.images) == labels)
        print(f"  {name:<9} distance {away:.3f}  PSNR {near:5.2f} dB  SSIM {alike:.3f}  in the target's class {known}")
    start = made.start
    print(
        f"  {'the start':<9} {'':14}  PSNR {psnr(start, images).mean():5.2f} dB  SSIM {ssim(start, images).mean():.3f}"
    )


def curve(makers: dict[str, pl.Classifier], images: Tensor) -> None:
    half = len(images) // 2
    print(f"\ndistance in representation of {half} pairs by radius: mean, 95% interval")
    for name, maker in makers.items():
        found = pl.distance(maker, images[:half], images[half:])
        cells = zip(found.radii.tolist(), found.mean.tolist(), found.margin.tolist(), strict=True)
        print(f"  {name:<9} " + "  ".join(f"{r:g}: {mean:.3f} ± {margin:.3f}" for r, mean, margin in cells))


def interpolation(makers: dict[str, pl.Classifier], judge: pl.Classifier, images: Tensor, labels: Tensor) -> None:
    half = len(images) // 2
    first, last = images[:half], images[half:]
    average = (first + last) / 2
    pairs = torch.stack([labels[:half], labels[half:]], 1)
    print(f"\nmiddles of {half} interpolations: ghosting, seen by the judge as one of the two classes, its confidence")

    def row(name: str, middles: Tensor) -> None:
        with torch.no_grad():
            chances = judge.logits(middles).softmax(1)
        known = (chances.argmax(1)[:, None] == pairs).any(1)
        ghosts = ghosting(middles, first, last).mean()
        print(
            f"  {name:<9} ghosting {ghosts:.3f}  one of the two {percent(known)}  "
            f"confidence {chances.amax(1).mean():.3f}"
        )

    row("pixels", average)
    for name, maker in makers.items():
        made = pl.interpolate(maker, first, last, pl.InterpolateRecipe(intervals=2))
        row(name, made.images[1::3])


def visualization(
    makers: dict[str, pl.Classifier], judge: pl.Classifier, units: int, starts: dict[str, Tensor | None]
) -> None:
    """How often two seeds of a unit are seen as one class, and how often two images of any units would be."""
    for kind, start in starts.items():
        print(f"\nvisualization of {units} units from four {kind}: pairs of them that the judge puts in one class")
        for name, maker in makers.items():
            head = maker.network.get_parameter(f"{maker.head}.weight")
            chosen = torch.randperm(head.shape[1], generator=torch.Generator().manual_seed(0))[:units].tolist()
            seen = judge.predict(pl.visualize(maker, chosen, seeds=4, start=start).images).reshape(units, 4)
            agreed = float(((seen[:, :, None] == seen[:, None, :]).sum((1, 2)) - 4).float().mean() / 12)
            shares = torch.bincount(seen.flatten()) / seen.numel()
            chance = float(shares.square().sum())
            kappa = (agreed - chance) / (1 - chance)  # Fleiss 1971: agreement beyond that of chance
            print(f"  {name:<9} {100 * agreed:5.1f}%, by chance {100 * chance:5.1f}%, kappa {kappa:.3f}", end="")
            print(f"; the judge's most frequent class has {percent(seen.flatten() == shares.argmax())} of the images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--robust", default="cifar10-l2-0.5")
    parser.add_argument("--standard", default="cifar10-standard")
    parser.add_argument("--count", type=int, default=64, help="test images")
    parser.add_argument("--units", type=int, default=32)
    flags = parser.parse_args()
    print(place())
    judge = pl.load(flags.judge, "cpu")
    makers = {name: pl.load(getattr(flags, name), "cpu") for name in ("robust", "standard")}
    test = pl.load_data(flags.data).test
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
    real, real_labels = test.batch(order[:1000])
    print(f"the judge is right about {percent(judge.predict(real) == real_labels)} of 1,000 test images")
    images, labels = real[: flags.count], real_labels[: flags.count]
    inversion(makers, judge, images, labels)
    curve(makers, images)
    interpolation(makers, judge, images, labels)
    four = [int((labels == label).nonzero()[0, 0]) for label in labels.unique()[:: judge.classes // 4][:4]]
    visualization(makers, judge, flags.units, {"seeds of noise": None, "test images of other classes": images[four]})


if __name__ == "__main__":
    main()
