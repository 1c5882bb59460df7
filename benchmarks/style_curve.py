"""Style transfer: how near to style and content after how many seconds, judged by a network that had no part in it.

    python benchmarks/style_curve.py --content photo.jpg --style painting.jpg [--model NAME] [--judge NAME]

Our default (L-BFGS with a line search) and Adam go from coarse to fine, torch's default L-BFGS stays at full size with
twice as many evaluations, which take as long. Budgets are evaluations a scale; methods take turns at each. Distances
are shares, as `compare-style` has them: style of the content picture's, content of the style picture's. Without
pictures, scikit-learn's two photos.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from common import place
from sklearn.datasets import load_sample_image

import pellucid as pl
from pellucid.data.image import read_image
from pellucid.gallery.plots import figure
from pellucid.style.judge import Judge
from pellucid.style.pyramid import with_shorter_side

WHOLE = 10**6  # one scale, whatever the size
METHODS = {
    "default": pl.StylizeRecipe(),
    "Adam": pl.StylizeRecipe(optimizer="adam"),
    "plain L-BFGS": pl.StylizeRecipe(optimizer="plain-lbfgs", smallest=WHOLE),
}


def picture(path: Path | None, sample: str) -> torch.Tensor:
    if path is not None:
        return read_image(path)[None]
    return torch.from_numpy(load_sample_image(sample).copy()).permute(2, 0, 1)[None] / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="natural20-l2-2.0")
    parser.add_argument("--judge", default="animals59-l2-1.0")
    parser.add_argument("--content", type=Path)
    parser.add_argument("--style", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512], help="shorter sides")
    parser.add_argument("--budgets", type=int, nargs="+", default=[12, 25, 50, 100], help="evaluations a scale")
    parser.add_argument("--out", type=Path, default=Path("style_curve.png"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    flags = parser.parse_args()
    classifier, judge = pl.load(flags.model, flags.device), Judge(pl.load(flags.judge, flags.device))
    print(
        f"{place()}\n\n| px | method | evaluations | seconds | style | content | sum |\n|---|---|---|---|---|---|---|"
    )
    found = {}
    for size in flags.sizes:
        given = (picture(flags.content, "china.jpg"), picture(flags.style, "flower.jpg"))
        content, style = (with_shorter_side(image, size).to(flags.device) for image in given)
        pl.stylize(classifier, content, [style], evaluations=1)  # what only the first run waits for
        for budget in flags.budgets:
            for name, recipe in METHODS.items():
                evaluations = 2 * budget if recipe.smallest == WHOLE else budget
                made = pl.stylize(classifier, content, [style], replace(recipe, evaluations=evaluations))
                verdict = judge(made.images, content, style)
                found.setdefault((size, name), []).append((made.seconds, verdict.style, verdict.content))
                print(f"| {size} | {name} | {made.evaluations} | {made.seconds:.1f} | {verdict.style:.3f} "
                      f"| {verdict.content:.3f} | {verdict.score:.3f} |", flush=True)  # fmt: skip
    with figure(flags.out, 5 * len(flags.sizes), 7, rows=2, columns=len(flags.sizes)) as (_, grid):
        for (size, name), points in found.items():
            seconds, *distances = zip(*points, strict=True)
            for row, (what, values) in enumerate(zip(("style", "content"), distances, strict=True)):
                axes = grid.reshape(2, -1)[row, flags.sizes.index(size)]
                axes.plot(seconds, values, marker="o", markersize=3, label=name)
                axes.set_xscale("log")
                axes.set_xlabel(f"seconds, {size} px")
                axes.set_ylabel(f"distance to the {what}")
                axes.legend()
    print(f"\n{flags.out}")


if __name__ == "__main__":
    main()
