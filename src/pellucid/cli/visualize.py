"""`pellucid visualize`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from ..base.errors import InputError, unknown
from ..core.batch import draw, generators
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data.image import read_image, side
from ..gallery.sheet import Row
from ..representation.feature import random_units
from ..representation.maco import magnitude_spectrum
from ..representation.visualize import PRESETS, VisualizeRecipe, visualize
from .flags import INLINE, RunFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import carry_out

PROBES = 64  # images on which a unit that is to be drawn at random must be on


@dataclass(frozen=True)
class Visualize(RunFlags):
    """What maximizes units, channels, directions and classes.

    pellucid visualize --units 3 17 layer2:5 logits:cat --seeds 4 --beside cifar10-standard --out units.png
    """

    units: tuple[str, ...] = ()
    """Each one of: 17 (a unit of the representation), LAYER:CHANNEL, logits:CLASS, direction:FILE.npy, or a sum of
    those in quotes, "2 * stage3:3 - logits:dog + 17"."""
    random: int = 0
    """Also this number of random units of the representation, of those that are ever on."""
    seeds: int = 1
    """How many starts each feature has."""
    images: tuple[Path, ...] = ()
    """Start from these images, or folders of them, instead."""
    spectrum: tuple[Path, ...] = ()
    """For maco: photos, or folders of them, whose magnitude spectrum the images are to have; if not given, draws from
    the classifier's class Gaussians."""
    names: dict[str, str] = field(default_factory=dict)
    """What captions and the sidecar call units of --model: --names 12 "dog ears" layer4:3 stripes."""
    preset: str | None = None
    """paper, notebook-figure8, lucid or maco; other flags change them."""
    also: tuple[str, ...] = ()
    """Presets to show as well, in further rows of the sheet: lucid, maco, ..."""
    recipe: Annotated[VisualizeRecipe, INLINE] = VisualizeRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Visualize, argv, "visualize", PRESETS)
    if flags.random < 0 or not (flags.units or flags.random):
        raise InputError("say what is to be visualized: --units 17 LAYER:CHANNEL logits:CLASS ..., or --random COUNT")
    for name in flags.also:
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
    starts = find_images(flags.images) if flags.images else []
    photos = find_images(flags.spectrum) if flags.spectrum else []

    def task(classifier: Classifier, **options) -> Descent:
        size = flags.recipe.size or classifier.size
        words = [*flags.units]
        if flags.random:
            words += random_units(classifier, flags.random, probes(classifier, size), flags.seed)
        if strange := [word for word in flags.names if word not in words]:
            raise unknown("unit", strange[0], words)
        start = read_images(starts, size) if starts else None
        magnitude = spectrum(photos, size or side(classifier)) if photos else None
        descent, *others = (
            named(visualize(
                classifier, words, recipe, seeds=flags.seeds, start=start, magnitude=magnitude, **options
            ), words, {} if further else flags.names)
            for recipe in (flags.recipe, *(replace(PRESETS[name], size=flags.recipe.size) for name in flags.also))
        )  # fmt: skip
        further.append(dict(zip(flags.also, others, strict=True)))
        return descent.about(also={name: other.info["features"] for name, other in further[-1].items()})

    def every(descents: dict[str, Descent]) -> list[Row]:
        named = {}
        for (name, descent), others in zip(descents.items(), further, strict=True):
            named |= {name: descent, **{f"{name}, {preset}": other for preset, other in others.items()}}
        return rows(named)

    further: list[dict[str, Descent]] = []  # of each classifier, the descents of the presets shown as well
    return carry_out(flags, "visualize", argv, [*starts, *photos], task, every)


def rows(descents: dict[str, Descent]) -> list[Row]:
    """As in Figure 7 of the representations paper: a row for each classifier and start, a column for each feature."""
    return [row for name, descent in descents.items() for row in _block(name, descent)]


def _block(name: str, descent: Descent) -> Iterator[Row]:
    facts = descent.info["features"]
    starts = 1 + max(fact["start"] for fact in facts)
    for number in range(starts):
        images = torch.cat([descent.start[number : number + 1], descent.images[number::starts]])
        called = (f"{fact.get('name', fact['feature'])}: {fact['class']}" for fact in facts[number::starts])
        yield Row(name, images, ["start", *called])


def named(descent: Descent, words: Sequence[str], names: Mapping[str, str]) -> Descent:
    """The descent with the names that the user gave to features, `words`, beside what stands there of each image."""
    facts = descent.info["features"]
    each = len(facts) // len(words)  # images of a feature
    given = (names.get(words[number // each]) for number in range(len(facts)))
    return descent.about(features=[fact | ({"name": n} if n else {}) for fact, n in zip(facts, given, strict=True)])


def spectrum(files: Sequence[Path], size: int) -> Tensor:
    """The magnitude spectrum of image files, read one after the other."""
    first, *others = files
    total = magnitude_spectrum(read_image(first, size)[None])
    for file in others:
        total += magnitude_spectrum(read_image(file, size)[None])
    return total / len(files)


def probes(classifier: Classifier, size: int | None) -> Tensor:
    """Images that show which units are ever on: draws from the class Gaussians, or noise."""
    rng = generators(0, PROBES)
    if classifier.gaussians is not None:
        return classifier.gaussians.sample(torch.arange(PROBES) % classifier.classes, rng)
    gray = torch.full((PROBES, 3, *[size or side(classifier)] * 2), 0.5)
    return (gray + draw(torch.randn, gray, rng) / 4).clamp(0, 1)
