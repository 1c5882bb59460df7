"""`pellucid gaussians`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import InputError
from ..data.gaussians import check_fit, fit_gaussians, usual_grain
from ..data.image import side
from ..data.load import load_data
from ..evaluation.classes import in_order_of
from ..gallery.save import check_file
from ..zoo.gaussians import save_gaussians
from ..zoo.models import load
from .flags import DataFlags, ModelFlags, OutputFlags
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class FitGaussians(ModelFlags, DataFlags, OutputFlags):
    """Class Gaussians for a classifier that has none, from which generate draws its seeds.

    pellucid gaussians --model imagenet-resnet50-l2-3 --data imagenet --out imagenet.safetensors
    pellucid generate --model imagenet-resnet50-l2-3 --gaussians imagenet.safetensors --classes zebra --out zebras.png
    """

    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME, with the model's classes; its training images are taken,
    or all it has without these."""
    out: Path = Path("gaussians.safetensors")
    """The file."""
    grain: int | None = None
    """The images' sides are divided by this; if not given, by 4 from 224 px on, as in the paper, else so that 16 px
    are left."""
    rank: int = 48
    """Eigenvectors kept of each Gaussian; of fewer images than that all are kept."""
    components: int = 1
    """Gaussians a class: its images are divided by k-means, and each part gets its own."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(FitGaussians, argv, "gaussians")
    check_file(flags.out, flags.overwrite)
    classifier = load(flags.model, "cpu")
    size = side(classifier)
    data = load_data(flags.data, size, grouping=flags.grouping, skip_unreadable=flags.skip_unreadable)
    data = in_order_of(classifier, data)
    if len(data.class_names) != classifier.classes:
        raise InputError(f"{data.name} has {len(data.class_names)} classes, the model {classifier.classes}")
    split = data.train if len(data.train) else data.test
    grain = usual_grain(size) if flags.grain is None else flags.grain
    check_fit(split, data.class_names, grain, flags.rank, (size, size), flags.components)
    with progress_bar("gaussians", flags.quiet) as advance:
        classifier.gaussians = fit_gaussians(
            split, classifier.classes, grain, flags.rank, size, flags.components, callback=advance
        )
    path = save_gaussians(classifier, flags.out)
    if not flags.quiet:
        kept = f"{100 * classifier.gaussians.kept:.1f}% of the variance at {size // grain} px"
        print(f"{path}  ({path.stat().st_size / 1e6:.1f} MB, {kept})")
        print(f"use it: pellucid generate --model {flags.model} --gaussians {path}")
    return 0
