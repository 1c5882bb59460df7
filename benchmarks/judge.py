"""Do the images show what they were meant to? A classifier that had no part in making them is asked.

    pellucid train --data cifar10.npz --arch preact-24-48-96-192 --epochs 5 --seed 1 --out runs/judge
    python benchmarks/judge.py --judge runs/judge/judge --data cifar10.npz

The same starts go to both makers. The judge is another network with another seed, trained in the standard way; its own
accuracy on real images is printed beside its verdicts. Noise that deceives one standard network deceives others too, so
the judge is asked again after a 3x3 blur, which takes the noise away and leaves the object.
"""

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.data.image import enlarge
from pellucid.data.quality import psnr, ssim
from pellucid.synthesis.inpaint import predict


def share(judge: pl.Classifier, images: Tensor, labels: Tensor) -> float:
    return 100 * float((predict(judge, images) == labels).float().mean())


def blurred(images: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)


def confidence(maker: pl.Classifier, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return 100 * float((maker.logits(images).argmax(1) == labels).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=30, help="images of each class")
    parser.add_argument("--robust", default="cifar10-l2-0.5")
    parser.add_argument("--standard", default="cifar10-standard")
    parser.add_argument("--eps", type=float, nargs="*", default=[6, 12, 20, 30], help="radii of generation to compare")
    flags = parser.parse_args()
    print(place())
    judge = pl.load(flags.judge, "cpu")
    makers = {name: pl.load(getattr(flags, name), "cpu") for name in ("robust", "standard")}
    test = pl.load_data(flags.data).test
    classes = judge.classes
    labels = torch.arange(classes).repeat_interleave(flags.count)
    real, real_labels = test.batch(slice(1000))
    print(f"the judge is right about {share(judge, real, real_labels):.1f}% of 1,000 real test images")

    each = [(test.labels == label).nonzero()[: flags.count, 0] for label in range(classes)]
    images, _ = test.batch(torch.cat(each))
    others = (labels + 1 + torch.arange(len(labels)) % (classes - 1)) % classes
    mask = pl.patch_mask(len(images), (images.shape[2], images.shape[3]), 12)
    small = F.avg_pool2d(images, 4)
    options = {"precision": "bfloat16"}

    def generation(eps: float) -> Callable[[pl.Classifier], pl.Descent]:
        recipe = pl.GenerateRecipe(eps=eps, steps=max(40, round(2 * eps)), step_size=0.5)
        return lambda maker: pl.generate(maker, labels, recipe, start=seeds, **options)

    seeds = pl.generate(makers["robust"], labels, pl.GenerateRecipe(eps=1e-3, steps=1, step_size=1e-3)).start
    print(f"seeds alone: {share(judge, seeds, labels):.1f}%")
    tasks: dict[str, tuple[Callable[[pl.Classifier], pl.Descent], Tensor]] = {
        **{f"generate, eps {eps:g}": (generation(eps), labels) for eps in flags.eps},
        "inpaint (corrupted)": (lambda m: pl.inpaint(m, images, mask, labels, **options), labels),
        "translate to another": (lambda m: pl.translate(m, images, others, **options), others),
        "superres 8 to 32 px": (lambda m: pl.superres(m, small, labels, **options), labels),
    }
    title = "share that the judge puts in the intended class"
    print(f"{title:<50} robust  standard   (before)   blurred: robust, standard")
    for task, (make, intended) in tasks.items():
        descents = {name: make(maker) for name, maker in makers.items()}
        verdicts = {name: share(judge, d.images, intended) for name, d in descents.items()}
        before = share(judge, descents["robust"].start, intended)
        soft = {name: share(judge, blurred(d.images), intended) for name, d in descents.items()}
        print(f"  {task:<48} {verdicts['robust']:6.1f}    {verdicts['standard']:6.1f}     {before:6.1f}", end="")
        print(f"              {soft['robust']:6.1f}    {soft['standard']:6.1f}")
        if task.startswith("superres"):
            for name, result in {
                "nearest": enlarge(small, images.shape[2], "nearest"),
                "bicubic": enlarge(small, images.shape[2], "bicubic"),
                **{name: d.images for name, d in descents.items()},
            }.items():
                print(
                    f"    {name:<10} PSNR {psnr(result, images).mean():.2f} dB  SSIM {ssim(result, images).mean():.3f}"
                )
    sure = {name: confidence(maker, descents[name].images, labels) for name, maker in makers.items()}
    print(f"of the last task, the makers themselves: robust {sure['robust']:.1f}%, standard {sure['standard']:.1f}%")


if __name__ == "__main__":
    main()
