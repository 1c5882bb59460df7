"""A stylized copy of a data set: images keep shapes and class, and lose their textures (Geirhos et al. 2019).

The accuracy that a classifier keeps on it shows how little it relied on texture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from ..base.checks import check_classifier, check_fields
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages, Split, check_dataset
from ..data.identity import content_digest
from ..data.parts import Parts
from ..style.recipe import StylizeRecipe
from ..style.stylize import stylize
from .content import network_facts

if TYPE_CHECKING:
    from typing_extensions import Unpack

PART = 32  # images that are written at once, and at most lost where the work is stopped
SPLITS = ("train", "test")


@dataclass(frozen=True)
class StylizeDataRecipe:
    """Settings of `stylize_data`."""

    train: Literal["plain", "stylized", "both"] = "plain"
    """The training images of the copy: as they are, stylized, or all of them as they are and stylized too."""
    seed: int = 0
    """Which style each image gets follows from it."""
    style: StylizeRecipe = StylizeRecipe(evaluations=20)
    """How an image is stylized. Twenty evaluations are enough for images of 32 or 64 px."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.style.size is not None:
            raise InputError("a stylized copy has images of the data's size; leave out --style.size")


class StylizeDataSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `stylize_data`."""

    train: Literal["plain", "stylized", "both"]
    seed: int
    style: StylizeRecipe


@task(StylizeDataRecipe)
def stylize_data(
    classifier: Classifier,
    data: Dataset,
    styles: Sequence[Tensor],
    recipe: StylizeDataRecipe | None = None,
    *,
    parts: Path | None = None,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[StylizeDataSettings],
) -> Dataset:
    """A copy of a data set with stylized test images, and training images as the recipe says.

    Args:
        classifier: whose style layers are matched, preferably none of those that are to be compared on the copy.
        data: images in memory, with class names.
        styles: pictures `(1, 3, h, w)` in [0, 1], of which each image gets one at random. If there are none, each gets
            another image of the data set's training images.
        recipe: everything else that decides the result.
        parts: a folder for images that are done, so that work that was stopped goes on; not kept if not given.
        precision: of the network's passes.
        callback: called with the share of the images that is done.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: images that are not in memory, no test images, no picture to take a style from.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (3, 3, 32, 32)).byte(), torch.tensor([0, 1, 0]))
    >>> short = pl.StylizeDataRecipe(style=pl.StylizeRecipe(evaluations=2))
    >>> noise = pl.Dataset("noise", split, split, ["a", "b"])
    >>> copy = pl.stylize_data(pl.load("cifar10-l2-0.5", "cpu"), noise, [], short)
    >>> copy.test.labels.tolist(), torch.equal(copy.train.images, split.images)
    ([0, 1, 0], True)
    """
    check_classifier(classifier)
    recipe = checked(recipe, StylizeDataRecipe)
    _check(data, styles)
    made = {}
    wanted = SPLITS if recipe.train != "plain" else ("test",)
    count, done = sum(len(getattr(data, name)) for name in wanted), 0
    for name in wanted:
        job = _Job(classifier, data, name, styles, recipe, precision)
        pieces = []
        for piece in job.pieces(Parts(parts)):
            pieces.append(piece)
            done += len(piece)
            if callback is not None:
                callback(done / count)
        made[name] = Split(torch.cat(pieces), getattr(data, name).labels)
    return replace(data, train=_training(data.train, made.get("train"), recipe), test=made["test"])


def _training(plain: LabeledImages, stylized: Split | None, recipe: StylizeDataRecipe) -> LabeledImages:
    if stylized is None:
        return plain
    if recipe.train == "stylized":
        return stylized
    both = [plain.raw(slice(0, None)), stylized.images]
    return Split(torch.cat(both), torch.cat([plain.labels, stylized.labels]))


@dataclass(frozen=True)
class _Job:
    """One split to stylize."""

    classifier: Classifier
    data: Dataset
    split: str
    styles: Sequence[Tensor]
    recipe: StylizeDataRecipe
    precision: Precision

    @cached_property
    def digest(self) -> str:
        """The sha256 of everything that the stylized images depend on, in 16 digits."""
        sources = [content_digest(self.data.train)] if not self.styles else []
        pictures = [hashlib.sha256(style.cpu().numpy().tobytes()).hexdigest() for style in self.styles]
        facts = [self.split, content_digest(self.images), *sources, *pictures, *network_facts(self.classifier)]
        facts += [asdict(self.recipe.style), self.recipe.seed, self.precision]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    @property
    def images(self) -> LabeledImages:
        return getattr(self.data, self.split)

    def pieces(self, parts: Parts) -> Iterator[Tensor]:
        """The stylized images, `(n, 3, H, W)` uint8, some at a time; those that are kept are not made again."""
        for first in range(0, len(self.images), PART):
            numbers = range(first, min(first + PART, len(self.images)))
            name = f"{self.digest}-{first:07d}-{numbers[-1]:07d}"
            made = parts.get(name, lambda n=numbers: {"images": torch.cat([self._stylized(number) for number in n])})
            yield made["images"]

    def _stylized(self, number: int) -> Tensor:
        """`(1, 3, H, W)` uint8."""
        content, _ = self.images.batch(slice(number, number + 1))
        found = stylize(
            self.classifier, content, [self._style(number)], self.recipe.style, seed=number, precision=self.precision
        )
        if found.interrupted:  # a picture that is half done is of use to someone who looks at it, and not here
            raise KeyboardInterrupt
        return (found.images.cpu() * 255).round().byte()

    def _style(self, number: int) -> Tensor:
        """One of the pictures, or a training image that is not the image itself."""
        random = np.random.default_rng([self.recipe.seed, SPLITS.index(self.split), number])
        if self.styles:
            return self.styles[int(random.integers(len(self.styles)))]
        others = len(self.data.train) - (self.split == "train")
        drawn = int(random.integers(others))
        drawn += self.split == "train" and drawn >= number
        return self.data.train.batch(slice(drawn, drawn + 1))[0]


def _check(data: Dataset, styles: Sequence[Tensor]) -> None:
    check_dataset(data)
    if not len(data.test):
        raise InputError(f"{data.name} has no test images to stylize; give data with a train and a test split")
    if not (isinstance(data.train, Split) and isinstance(data.test, Split)):
        raise InputError(f"stylizing needs the images of {data.name} in memory: take fewer or smaller ones")
    if not styles and len(data.train) < 2:
        raise InputError(f"{data.name} has no training images to take styles from; give style pictures")
