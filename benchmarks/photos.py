"""Inpainting of test photos beside scikit-image's biharmonic equation and the papers' method; pip install scikit-image.

    python benchmarks/photos.py --data natural20.npz --judge squeezenet --count 60 --parts photos-parts

What is finished is kept in --parts, 32 photos at a time, and the same command goes on from there.
`pellucid statistics inpaint` and `pellucid statistics superres` measure the rest.
"""

import argparse
import time
from pathlib import Path

import torch
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.statistics.inpaint import FILLS
from pellucid.synthesis.inpaint import PAPERS


def biharmonic(photos: Tensor, mask: Tensor) -> Tensor:
    from skimage.restoration import inpaint_biharmonic

    pixels = zip((photos * (1 - mask)).permute(0, 2, 3, 1).numpy(), mask[:, 0].numpy(), strict=True)
    filled = [torch.from_numpy(inpaint_biharmonic(image, hole > 0, channel_axis=-1)) for image, hole in pixels]
    return torch.stack(filled).permute(0, 3, 1, 2).float().clamp(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--parts", type=Path)
    parser.add_argument("--model", default="natural20-l2-2.0")
    flags = parser.parse_args()
    print(place())
    model = pl.load(flags.model, "cpu")
    test = pl.load_data(flags.data, size=model.size).test
    judge = pl.load(flags.judge, "cpu")

    def comparison(way: str) -> pl.Comparison:
        parts = flags.parts and flags.parts / way
        return pl.Comparison({"robust": model}, test, flags.count, judge=judge, parts=parts)

    began = time.perf_counter()
    print(pl.inpaint_statistics(comparison("ours"), fills=FILLS | {"biharmonic": biharmonic}, precision="bfloat16"))
    papers = pl.InpaintRecipe(eps=10.0 * test.size[0] / 128, **PAPERS)
    print("the papers' method,", pl.inpaint_statistics(comparison("papers"), papers, fills={}, precision="bfloat16"))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
