"""Inpainting and super-resolution of real test photos, beside what needs no network.

    python benchmarks/photos.py --data natural20.npz --judge squeezenet --count 200

Means over `--count` photos with 95% intervals. The perceptual distance is that of normalized features of the judge's
layers, a network that had no part in the result (LPIPS without learned weights, Zhang et al. 2018).
"""

import argparse
import importlib.util
from dataclasses import replace

import torch
import torch.nn.functional as F
from common import place
from torch import Tensor

import pellucid as pl
from pellucid.data.image import enlarge
from pellucid.data.quality import psnr, ssim
from pellucid.synthesis.inpaint import PAPERS, corrupt
from pellucid.synthesis.membrane import membrane


@torch.no_grad()
def perceptual(judge: pl.Classifier, made: Tensor, real: Tensor) -> Tensor:
    """Σ over layers of the mean over positions of ‖f(made) - f(real)‖², f of length 1 at each position."""
    read, parts = judge.reader(frozenset(judge.layers)), []
    for one, other in zip(made.split(32), real.split(32), strict=True):
        pairs = zip(read(one).layers.values(), read(other).layers.values(), strict=True)
        maps = [(F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1) for a, b in pairs if a.ndim == 4]
        parts.append(sum(values.mean((1, 2)) for values in maps))
    return torch.cat(parts)


def inside(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the hole."""
    return (values * mask).flatten(1).sum(1) / mask.flatten(1).sum(1) / values.shape[1]


def mean(values: Tensor, digits: int = 2) -> str:
    return f"{values.mean():.{digits}f} ± {1.96 * values.std() / len(values) ** 0.5:.{digits}f}"


def holes(flags: argparse.Namespace, robust: pl.Classifier, photos: Tensor, judge: pl.Classifier) -> None:
    side = photos.shape[2]
    mask = pl.patch_mask(len(photos), (side, side), side * 5 // 16, flags.seed)
    papers = pl.InpaintRecipe(eps=10.0 * side / 128, **PAPERS)
    standard, options = pl.load(flags.standard, "cpu"), {"precision": "bfloat16"}
    filled = {
        "mean color": corrupt(photos, mask),
        "membrane": membrane(photos, mask),
        "paper's method": pl.inpaint(robust, photos, mask, recipe=papers, **options).images,
        "pellucid, robust": pl.inpaint(robust, photos, mask, **options).images,
        "pellucid, standard": pl.inpaint(standard, photos, mask, **options).images,
    }
    if importlib.util.find_spec("skimage"):
        from skimage.restoration import inpaint_biharmonic

        arrays = zip((photos * (1 - mask)).permute(0, 2, 3, 1).numpy(), mask[:, 0].numpy(), strict=True)
        done = [torch.from_numpy(inpaint_biharmonic(a, m > 0, channel_axis=-1)).float() for a, m in arrays]
        filled["biharmonic"] = torch.stack(done).permute(0, 3, 1, 2).clamp(0, 1)
    print(
        f"a hole of {side * 5 // 16} px at {side} px, {len(photos)} photos: PSNR in the hole, SSIM, perceptual distance"
    )
    for name, images in filled.items():
        quality = -10 * inside((images - photos).square(), mask).clamp_min(1e-10).log10()
        far = perceptual(judge, images, photos)
        print(f"  {name:<20} {mean(quality)} dB   {mean(ssim(images, photos), 4)}   {mean(far, 4)}", flush=True)


def enlarged(robust: pl.Classifier, photos: Tensor, judge: pl.Classifier) -> None:
    for factor in (4, 8):
        small = F.avg_pool2d(photos, factor)
        bicubic = enlarge(small, photos.shape[2])
        own = pl.SuperresRecipe()
        made = pl.superres(robust, small, precision="bfloat16")
        more = pl.superres(robust, small, recipe=replace(own, eps=4.0, step_size=0.25), precision="bfloat16")
        sides = {"nearest": enlarge(small, photos.shape[2], "nearest"), "bicubic": bicubic, "projected": made.start}
        print(f"x{factor}: PSNR, its gain over bicubic, SSIM, perceptual distance")
        for name, images in {**sides, "pellucid": made.images, "pellucid, eps 4": more.images}.items():
            quality, gain = psnr(images, photos), psnr(images, photos) - psnr(bicubic, photos)
            far = perceptual(judge, images, photos)
            print(f"  {name:<20} {mean(quality)} dB   {mean(gain)}   {mean(ssim(images, photos), 4)}   {mean(far, 4)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--robust", default="natural20-l2-2.0")
    parser.add_argument("--standard", default="natural20-standard")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    print(place())
    robust, judge = pl.load(flags.robust, "cpu"), pl.load(flags.judge, "cpu")
    test = pl.load_data(flags.data, size=robust.size).test
    per = -(-flags.count // robust.classes)
    each = torch.cat([(test.labels == label).nonzero()[:per, 0] for label in range(robust.classes)])
    photos, _ = test.batch(each[: flags.count])
    enlarged(robust, photos, judge)
    holes(flags, robust, photos, judge)


if __name__ == "__main__":
    main()
