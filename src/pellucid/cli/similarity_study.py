"""`pellucid similarity-study`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import short, write_json
from ..evaluation.similarity import Similarity, SimilarityRecipe, similarity_study
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..zoo.models import fingerprint, load
from .flags import INLINE, MachineFlags, OutputFlags, PictureFlags, SeedFlags
from .inputs import pictures
from .parse import parse
from .run import progress_bar
from .table import print_table


@dataclass(frozen=True)
class SimilarityStudy(PictureFlags, SeedFlags, MachineFlags, OutputFlags):
    """How good a perceptual distance each classifier gives: how often it orders distortions rightly by their strength,
    and how easily a small perturbation fools it.

    pellucid similarity-study --models cifar10-l2-0.5 cifar10-standard --data torchvision:CIFAR10 --count 200
    """

    models: tuple[str, ...] = ("natural20-l2-2.0", "natural20-standard")
    """Bundled names, bundles' paths, timm:NAME or torchvision:NAME, of one input size."""
    count: int = 64
    """How many images of the data."""
    out: Path | None = None
    """Also write the result to this JSON file."""
    recipe: Annotated[SimilarityRecipe, INLINE] = SimilarityRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(SimilarityStudy, argv, "similarity-study")
    if not flags.models or len(set(flags.models)) < len(flags.models):
        raise InputError("name each model once, and at least one")
    if flags.out is not None:
        check_file(flags.out, flags.overwrite)
    source = pictures(flags.images, flags.data, flags.count, flags.seed)
    classifiers = {
        called: load(name, flags.device) for called, name in zip(short(flags.models), flags.models, strict=True)
    }
    sizes = {classifier.size for classifier in classifiers.values()}
    if len(sizes) > 1:
        raise InputError(f"the models take images of {', '.join(map(str, sizes))} px; take models of one size")
    images = source.read(sizes.pop())
    device = next(iter(classifiers.values())).device
    with progress_bar("similarity-study", flags.quiet) as advance:
        found = similarity_study(
            classifiers, images, flags.recipe,
            seed=flags.seed, precision=pick_precision(flags.precision, device), callback=advance,
        )  # fmt: skip
    if flags.out is not None:
        facts = made_by("similarity-study", argv, recipe=flags.recipe, seed=flags.seed, inputs=source.inputs)
        facts["model_sha256"] = {name: fingerprint(classifier) for name, classifier in classifiers.items()}
        write_json(flags.out, {**facts, "distances": {name: result.to_json() for name, result in found.items()}})
    table(found)
    return 0


def table(found: dict[str, Similarity]) -> None:
    """Print a row for each distortion and a column for each distance, in percent; below, how far each is fooled."""
    results = list(found.values())
    rows = [(name, *(f"{100 * result.order[name]:.1f}" for result in results)) for name in results[0].order]
    rows.append(("mean", *(f"{100 * result.mean:.1f}" for result in results)))
    print_table(("distortion", *(f"{name} " for name in found)), rows,
                f"{results[0].images} images, nearer to the weaker distortion, in percent")  # fmt: skip
    fooled = [
        (name, f"{r.fooled:.2f}", f"[{r.low:.2f}, {r.high:.2f}]", f"{100 * r.unlike:.1f}") for name, r in found.items()
    ]
    columns = ("distance", "times that of noise ", "95%", "percent of that of two images ")
    print_table(columns, fooled, "the worst perturbation found")
