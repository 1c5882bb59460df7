"""Three roads to a prior at equal cost: adversarial training, noise training and smoothing, smoothing alone.

    python benchmarks/smoothing.py --data cifar10.npz --noise runs/noise/noise --judge runs/judge/judge

Images are made from the same seeds with the same number of passes: a classifier that is smoothed by n samples takes an
n-th of the steps, each n times as long. For an honest comparison give classifiers of one architecture whose trainings
took equally many passes: adversarial training with one step takes twice those of noise or standard training an epoch.
The certificate is of Cohen et al.'s vote, PGD's accuracy of the averaged softmax of n fixed samples.
"""

import argparse
import time
from dataclasses import replace

import torch
from common import place, synchronize

import pellucid as pl
from pellucid.base.blur import blurred
from pellucid.statistics.judge import Judge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--judge", required=True, help="a classifier that took part in nothing else")
    parser.add_argument("--robust", default="cifar10-l2-0.5")
    parser.add_argument("--noise", help="trained with --method noise --sigma SIGMA")
    parser.add_argument("--standard", default="cifar10-standard")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sigma", type=float, default=0.25)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--passes", type=int, default=160, help="of the network, for each image that is made")
    parser.add_argument("--eps", type=float, default=0.5, help="L2 radius of PGD and of the certificate")
    parser.add_argument("--count", type=int, default=500, help="test images")
    parser.add_argument("--each", type=int, default=10, help="images made of each class")
    parser.add_argument("--votes", type=int, default=1000, help="samples of a certificate")
    flags = parser.parse_args()
    print(place())
    robust, standard = (pl.load(name, flags.device) for name in (flags.robust, flags.standard))
    noisy = {"noise": pl.load(flags.noise, flags.device)} if flags.noise else {}
    bases = {"robust": robust, **noisy, "standard": standard}
    sides = {"robust": robust, "standard": standard}
    sides |= {f"{name}, smoothed": pl.RandomizedSmoothing(it, flags.sigma, flags.samples) for name, it in bases.items()}
    split = pl.load_data(flags.data, size=robust.size).test
    judge, names = pl.load(flags.judge, flags.device), robust.class_names or []
    labels = torch.arange(len(names)).repeat_interleave(flags.each)
    recipe, start = pl.GenerateRecipe(), None
    print(f"sigma {flags.sigma:g}, {flags.samples} samples, eps {flags.eps:g}; {flags.count} test images; "
          f"{len(labels)} made by {flags.passes} passes each, and the seconds for those; percent")  # fmt: skip
    print(f"{'':<20}{'clean':>8}{'PGD-20':>8}{'certified':>11}{'in class':>10}{'blurred':>9}{'seconds':>9}")
    for name, classifier in sides.items():
        accuracy = pl.evaluate(classifier, split, pl.EvaluateRecipe(eps=(flags.eps,), count=flags.count))
        certified = "-"
        if isinstance(classifier, pl.RandomizedSmoothing):
            settings = pl.CertifyRecipe(flags.sigma, (100, flags.votes), count=flags.count)
            share = pl.certify(bases[name.removesuffix(", smoothed")], split, settings).accuracy(flags.eps)
            certified = f"{100 * share:.1f}"
        steps = flags.passes // getattr(classifier, "samples", 1)
        own = replace(recipe.at(robust.size), steps=steps)
        own = replace(own, step_size=2.5 * own.eps / steps)  # as the recipe's own 40 steps have
        began = time.perf_counter()
        made = pl.generate(classifier, labels, own, start=start)
        synchronize()
        seconds, start = time.perf_counter() - began, made.start
        asked = Judge(judge, names)
        shares = [
            100 * float((asked.look(images)[0] == labels).float().mean())
            for images in (made.images.cpu(), blurred(made.images.cpu(), 1.0).clamp(0, 1))
        ]
        print(
            f"{name:<20}{100 * accuracy.clean:>8.1f}{100 * accuracy.robust[flags.eps]['pgd-20']:>8.1f}"
            f"{certified:>11}{shares[0]:>10.1f}{shares[1]:>9.1f}{seconds:>9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
