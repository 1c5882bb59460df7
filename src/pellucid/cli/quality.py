"""`pellucid quality`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch

from ..base.errors import InputError
from ..base.files import write_json
from ..data.dataset import LabeledImages
from ..data.encoded import file_split
from ..data.folder import FolderFiles
from ..data.identity import split_digest
from ..data.image import image_files
from ..data.load import load_data
from ..evaluation.inception import Inception
from ..evaluation.quality import Quality, QualityRecipe, quality
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..zoo.models import fingerprint, load
from .flags import INLINE, DeviceFlags, OutputFlags, SeedFlags
from .inputs import noted
from .parse import parse
from .run import progress_bar
from .table import print_table


@dataclass(frozen=True)
class QualityFlags(SeedFlags, DeviceFlags, OutputFlags):
    """How good generated images are as a set: Inception Score, FID, KID, precision and recall.

    pellucid generate --count 500 --out samples.npz
    pellucid quality --samples samples.npz --data photos.npz --features natural20-standard --out quality.json
    """

    samples: str = ""
    """The generated images: a folder of them, or what --data takes."""
    data: str = ""
    """The real images: a folder of class folders, an .npz, or torchvision:NAME."""
    split: Literal["test", "train"] = "test"
    """Which of the real images; those of the train split where there is no other."""
    size: int | None = None
    """Side to which images are brought before the features' own; that of the generated images if not given."""
    features: str = ""
    """Whose features: inception, as in publications, or the name of any classifier, as of --model elsewhere."""
    out: Path | None = None
    """Also write the result to this JSON file."""
    recipe: Annotated[QualityRecipe, INLINE] = QualityRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(QualityFlags, argv, "quality")
    if not flags.samples or not flags.features:
        raise InputError("name the images and whose features: --samples FOLDER --data FOLDER --features inception")
    if flags.out is not None:
        check_file(flags.out, flags.overwrite, suffix=".json")
    features = Inception(flags.device) if flags.features == "inception" else load(flags.features, flags.device)
    with noted() as said, progress_bar("quality", flags.quiet) as advance:
        _, made = images_of(flags.samples, flags.size)
        split, real = images_of(flags.data, made.size[0], flags.split)
        found = quality(made, real, features, flags.recipe, name=flags.features, seed=flags.seed, callback=advance)
    print(title(found))
    print_table(("measure", "value ", "deviation "), rows(found))
    if flags.out is not None:
        facts = made_by("quality", argv, recipe=flags.recipe, seed=flags.seed)
        facts |= {"samples": flags.samples, "samples_sha256": split_digest(made)}
        facts |= {"data": flags.data, "split": split, "data_sha256": split_digest(real), "warnings": said}
        if not isinstance(features, Inception):
            facts["model_sha256"] = fingerprint(features)
        write_json(flags.out, {**facts, **found.to_json()})
    return 0


def images_of(source: str, size: int | None, split: str = "test") -> tuple[str, LabeledImages]:
    """A split of a data set after its name, the other one where it is empty; or all images of a flat folder."""
    path = Path(source)
    if path.is_dir() and not any(place.is_dir() for place in path.iterdir()) and not [*path.glob("*.tar")]:
        files = FolderFiles(path, [file.name for file in image_files(path)])
        return "all", file_split(files, torch.zeros(len(files), dtype=torch.int64), size)
    data = load_data(source, size, measuring=split == "test")
    return ("train", data.train) if split == "train" and len(data.train) else data.measured


def title(found: Quality) -> str:
    """Whose features, of how many images; and whether the numbers compare with published ones."""
    compares = "" if found.comparable else "; not comparable with published values, which are of Inception's features"
    return f"{found.count} images against {found.real_count} real ones, features of {found.features}{compares}"


def rows(found: Quality) -> list[tuple[str, str, str]]:
    """A row for each measure."""
    return [
        ("Inception Score", f"{found.inception_score:.3f}", f"{found.inception_score_std:.3f}"),
        ("FID", "-" if found.fid is None else f"{found.fid:.3f}", ""),
        ("KID", f"{found.kid:.5f}", f"{found.kid_std:.5f}"),
        ("precision", f"{found.precision:.4f}", ""),
        ("recall", f"{found.recall:.4f}", ""),
    ]
