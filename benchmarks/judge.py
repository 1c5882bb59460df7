"""Do generated images show what they were meant to? Networks that had no part in making them are asked.

    python benchmarks/judge.py --judges runs/judge/judge squeezenet --data natural20.npz

The same seeds go to a robust and to a standard maker, with plain steps and with smoothed ones. Each judge says which
share it puts in the intended class, as made and after a slight blur, and how far the images are from real ones under
its representation (KID, Binkowski et al. 2018). Their spectrum says whether there is a lattice. A judge that knows few
real images, or that noise deceives, says little: read the columns together. None of them shows what a person sees.
"""

import argparse
from dataclasses import replace

import torch
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.base.blur import blurred
from pellucid.statistics.judge import Judge


def high_share(images: Tensor) -> float:
    """Percent of the spectral energy, without the mean, above half of Nyquist's frequency."""
    power = torch.fft.rfft2(images - images.mean((2, 3), keepdim=True)).abs().square().mean((0, 1))
    rows = torch.fft.fftfreq(images.shape[2])[:, None]
    radius = (rows.square() + torch.fft.rfftfreq(images.shape[3]).square()).sqrt()
    weight = torch.full_like(power, 2.0)
    weight[:, 0] = 1.0  # columns that the real transform holds once
    return 100 * float((power * weight)[radius > 0.25].sum() / (power * weight).sum())


def kid(made: Tensor, real: Tensor) -> float:
    """The squared maximum mean discrepancy under k(a, b) = (a · b / d + 1)³, without bias."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    own = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (kernel(made, made), kernel(real, real))]
    return float(sum(own) - 2 * kernel(made, real).mean())


def share(judge: Judge, images: Tensor, labels: Tensor) -> float:
    """Percent of the images, of classes that the judge knows, in which it sees the intended one."""
    known = torch.isin(labels, judge.known)
    return 100 * float((judge.look(images[known])[0] == labels[known]).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judges", nargs="+", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=10, help="images of each class")
    parser.add_argument("--robust", default="natural20-l2-2.0")
    parser.add_argument("--standard", default="natural20-standard")
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    print(place())
    makers = {name: pl.load(getattr(flags, name), "cpu") for name in ("robust", "standard")}
    names = makers["robust"].class_names or []
    labels = torch.arange(len(names)).repeat_interleave(flags.count)
    test = pl.load_data(flags.data, size=makers["robust"].size).test
    each = torch.cat([(test.labels == label).nonzero()[:60, 0] for label in range(len(names))])
    real, real_labels = test.batch(each)
    recipe = pl.GenerateRecipe()
    sets = {}
    for name, maker in makers.items():
        for steps, own in (("plain", replace(recipe, sigmas=(0.0, 0.0))), ("smoothed", recipe)):
            start = sets["seeds"] if sets else None
            made = pl.generate(maker, labels, own, start=start, seed=flags.seed, precision="bfloat16")
            sets.setdefault("seeds", made.start)
            sets[f"{name}, {steps}"] = made.images
    print(f"{len(labels)} images a row; energy above half of Nyquist: real {high_share(real):.2f}%")
    for name, images in sets.items():
        print(f"  {name:<20} {high_share(images):6.2f}%")
    for name in flags.judges:
        judge = Judge(pl.load(name, "cpu"), names)
        _, features = judge.look(real)
        scale = features.std(0).clamp_min(1e-6)
        print(f"{name}: knows {len(judge.known)} of the classes, right about {share(judge, real, real_labels):.1f}% of "
              f"{len(real)} real test images; KID of two halves of those "
              f"{1000 * kid(features[::2] / scale, features[1::2] / scale):.1f}e-3")  # fmt: skip
        for called, images in sets.items():
            as_made, soft = share(judge, images, labels), share(judge, blurred(images, 1.0).clamp(0, 1), labels)
            far = kid(judge.look(images)[1] / scale, features / scale)
            print(f"  {called:<20} in class {as_made:5.1f}%, after a blur {soft:5.1f}%, KID {1000 * far:8.1f}e-3")


if __name__ == "__main__":
    main()
