"""Inception Score, FID, KID, precision and recall of real images, seeds, and what two makers make of these.

    python benchmarks/quality.py --data natural20.npz --features natural20-l2-2.0 natural20-standard runs/judge/judge \\
        --count 200

The same class-balanced seeds go to both makers, with plain steps and with smoothed ones; all sets are compared with
train images. A network is sure of what it made, so the standard maker's images have a high Inception Score under its
own logits: read its rows under another network beside them. The features are none of Inception's, unless that is named,
and no number here compares with published ones.
"""

import argparse
import time
import warnings
from dataclasses import replace

import torch
from common import place

import pellucid as pl
from pellucid.data.draw import drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--features", nargs="+", default=["natural20-l2-2.0", "natural20-standard"])
    parser.add_argument("--robust", default="natural20-l2-2.0")
    parser.add_argument("--standard", default="natural20-standard")
    parser.add_argument("--count", type=int, default=200, help="images of each set")
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    warnings.simplefilter("ignore")  # a FID that is left out shows as a dash
    print(f"{place()}; {flags.count} images of each set against as many train images; ± deviation over parts")
    makers = {name: pl.load(getattr(flags, name), "cpu") for name in ("robust", "standard")}
    data = pl.load_data(flags.data, size=makers["robust"].size)
    real = [split.batch(drawn(split.labels, flags.count, flags.seed))[0] for split in (data.train, data.test)]
    labels = torch.arange(makers["robust"].classes).repeat(-(-flags.count // makers["robust"].classes))[: flags.count]
    sets = {"real test images": real[1]}
    for name, maker in makers.items():
        for steps, own in (("plain", replace(pl.GenerateRecipe(), sigmas=(0.0, 0.0))), ("smoothed", None)):
            began = time.perf_counter()
            made = pl.generate(
                maker, labels, own, start=sets.get("class Gaussian seeds"), seed=flags.seed, precision="bfloat16"
            )  # fmt: skip
            sets.setdefault("class Gaussian seeds", made.start)
            sets[f"{name}, {steps}"] = made.images
            print(f"{name}, {steps}: {(time.perf_counter() - began) / flags.count:.2f} s an image", flush=True)
    recipe = pl.QualityRecipe(splits=max(2, min(10, flags.count // 200)))  # of at least 100 images
    for name in flags.features:
        features = pl.Inception() if name == "inception" else pl.load(name, "cpu")
        print(f"\n{'features of ' + name:<32} {'IS':>14} {'FID':>9} {'KID e-3':>16} {'precision':>10} {'recall':>7}")
        for what, images in sets.items():
            found = pl.quality(images, real[0], features, recipe, name=name, seed=flags.seed)
            score = f"{found.inception_score:.2f} ± {found.inception_score_std:.2f}"
            kid = f"{1000 * found.kid:.2f} ± {1000 * found.kid_std:.2f}"
            fid = "-" if found.fid is None else f"{found.fid:.2f}"
            shares = f"{found.precision:>10.3f} {found.recall:>7.3f}"
            print(f"  {what:<30} {score:>14} {fid:>9} {kid:>16} {shares}", flush=True)


if __name__ == "__main__":
    main()
