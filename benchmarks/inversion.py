"""Inversion: passes and time to the distance that the published setting ends at.

    python benchmarks/inversion.py --data cifar10.npz

The published setting is 10,000 plain steps of size 1 at 224 px, here in proportion to the classifier's size, once with
the straight-through last ReLU (as published) and once without, which comes nearer. The default runs beside both, and
what is compared with each is how many passes it takes until its own distance, averaged over the images, is as small.
"""

import argparse
import time
from dataclasses import replace

import torch
from common import place

import pellucid as pl
from pellucid.representation.invert import PRESETS
from pellucid.representation.match import represent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="cifar10-l2-0.5")
    parser.add_argument("--count", type=int, default=8, help="images")
    parser.add_argument("--steps", type=int, default=10_000, help="of the published setting")
    flags = parser.parse_args()
    print(place())
    classifier = pl.load(flags.model, "cpu")
    test = pl.load_data(flags.data, classifier.size).test
    targets, _ = test.batch(torch.arange(flags.count) * (len(test) // flags.count))
    wanted = represent(classifier, targets)
    published = PRESETS["paper"]
    published = replace(published, steps=flags.steps, step_size=published.step_size * (classifier.size or 224) / 224)
    settings = {
        "published": published,
        "published, true gradient": replace(published, straight_through=False),
        "default": pl.InvertRecipe().at(classifier.size),
    }
    made, seconds = {}, {}
    for name, recipe in settings.items():
        began = time.perf_counter()
        made[name] = pl.invert(classifier, targets, recipe)
        seconds[name] = time.perf_counter() - began
        away = (represent(classifier, made[name].images) - wanted).norm(dim=1) / wanted.norm(dim=1)
        psnr = torch.tensor(made[name].info["result"]["psnr"]).mean()
        print(
            f"{name:<26} distance {away.mean():.4f}  PSNR {psnr:.2f} dB  "
            f"{made[name].forwards} forwards, {seconds[name]:.1f} s"
        )
    # An image that has left the batch has reached the tolerance; its last distance stands for the steps after.
    history = made["default"].history
    curve = torch.where(history.isnan(), made["default"].loss, history).mean(1)
    for name in ("published", "published, true gradient"):
        end = made[name].history[-1].nanmean()
        reached = (curve <= end).nonzero()
        if len(reached):
            passes = int(reached[0]) + 1
            print(f"the default is as near as {name!r} after {passes} passes: {flags.steps / passes:.1f} times fewer")
        else:
            print(f"the default ends at {curve[-1]:.4f} and {name!r} at {end:.4f}")


if __name__ == "__main__":
    main()
