"""`pellucid activating`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.processes import processes, sharing
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data.dataset import LabeledImages
from ..data.load import load_data
from ..gallery.save import check_free, check_writable
from ..gallery.sheet import Row
from ..representation.activating import Activating, activating, check_split
from ..representation.feature import find_features
from ..representation.visualize import PRESETS, VisualizeRecipe, visualize
from ..zoo.models import fingerprint
from .flags import INLINE, Precision, RunFlags
from .parse import parse
from .run import carry_out, loaded, progress_bar


@dataclass(frozen=True)
class FindActivating(RunFlags):
    """The images of a data set that activate units most and least, beside what maximizes them.

    pellucid activating --data photos/ --units 3 17 --out units.png
    """

    precision: Precision = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster. What it measures is best in float32."""
    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME; its test split, or all it has without one."""
    units: tuple[int, ...] = ()
    """Numbers of units; of a layer with positions, of channels."""
    layer: str = "representation"
    """Whose units they are."""
    k: int = 5
    """How many images are shown of those that activate a unit most, and of those that do so least."""
    index: Path | None = None
    """A .safetensors file in which to keep what was found of all units of the layer. If it is there it is read, and the
    data set is not gone through again."""
    preset: str | None = None
    """Settings of the visualization: notebook-figure8, ...; other flags change them."""
    recipe: Annotated[VisualizeRecipe, INLINE] = VisualizeRecipe(start="gray")


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(FindActivating, argv, "activating", PRESETS)
    _check(flags)
    classifier = loaded(flags.model, flags)
    _, split = load_data(flags.data, classifier.size).measured
    check_split(classifier, split)
    words = [f"{flags.layer}:{unit}" for unit in flags.units]
    find_features(classifier, words, split.batch(slice(0, 1))[0])  # before the long pass, not after it
    index = _index(flags, classifier, split)
    most, least = index.images(split, flags.units)

    def task(classifier: Classifier, **options) -> Descent:
        descent = visualize(classifier, words, flags.recipe, **options)
        return descent.about(features=_facts(descent, index, flags))

    def rows(descents: dict[str, Descent]) -> list[Row]:
        (descent,) = descents.values()
        return [
            Row(
                word,
                torch.cat(
                    [descent.images[number : number + 1].cpu(), most[number, : flags.k], least[number, : flags.k]]
                ),
                [f"maximized {_short(fact['value'])}", *map(_short, [*fact["most_values"], *fact["least_values"]])],
            )
            for number, (word, fact) in enumerate(zip(words, descent.info["features"], strict=True))
        ]

    files = [Path(flags.data)] if Path(flags.data).is_file() else []
    return carry_out(flags, "activating", argv, files, task, rows)


def _check(flags: FindActivating) -> None:
    """Raise `InputError` for flags that cannot be, before anything is loaded."""
    if not flags.units:
        raise InputError("name the units: --units 3 17 ...")
    positive_int("k", flags.k)
    check_free(flags.out, flags.overwrite)
    if flags.index is not None:
        if flags.index.suffix != ".safetensors":
            raise InputError(f"an index is a .safetensors file, not {flags.index}")
        check_writable(flags.index)


def _index(flags: FindActivating, classifier: Classifier, split: LabeledImages) -> Activating:
    """What was found before, or what is found now and kept for the next time."""
    path, team = flags.index, processes()
    if path is not None and path.exists():
        known = Activating.load(path)
        if (known.facts.layer, known.facts.model_sha256) != (flags.layer, fingerprint(classifier)):
            raise InputError(f"{path} is of another layer or classifier; name another file, or delete it")
        if known.most.shape[1] < min(flags.k, len(split)):
            raise InputError(f"{path} keeps {known.most.shape[1]} images of a unit; name another file, or delete it")
        return known
    precision = pick_precision(flags.precision, classifier.device)
    with sharing(team), progress_bar("images", flags.quiet or not team.main) as advance:
        found = activating(classifier, split, layer=flags.layer, k=flags.k, precision=precision, callback=advance)
    if path is not None and team.main:
        found.save(path, overwrite=True)
    return found


def _facts(descent: Descent, index: Activating, flags: FindActivating) -> list[dict]:
    """What stands in the sidecar of each unit: also which images activate it most and least, and how much."""
    tables = {
        "most": index.most_index, "most_values": index.most,
        "least": index.least_index, "least_values": index.least,
    }  # fmt: skip
    return [
        {**fact, **{name: table[unit, : flags.k].tolist() for name, table in tables.items()}}
        for unit, fact in zip(flags.units, descent.info["features"], strict=True)
    ]


def _short(value: float) -> str:
    return f"{value:.3g}"
