"""What every entry of the report draws on: classifiers, images, and how much may be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from ..base.devices import Precision
from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages
from ..data.draw import drawn

Scale = Literal["tiny", "small", "paper"]
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Scene:
    """Classifiers, images and scale.

    Attributes:
        classifiers: by name; the first is the one that the report is about, the others stand beside it.
        data: labeled images, in the order of the classifier's classes.
        judge: an independent classifier.
        styles: pictures whose style is taken, each `(1, 3, H, W)`, by name.
        targets: data sets to transfer to, as `pellucid transfer` names them.
        scale: tiny for a first look, small for numbers with intervals, paper for the published counts and steps.
        seed: of every random choice.
        precision: of the passes that make pictures; measurements are in float32.
    """

    classifiers: dict[str, Classifier]
    data: Dataset | None = None
    judge: Classifier | None = None
    styles: dict[str, Tensor] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    scale: Scale = "small"
    seed: int = 0
    precision: Precision = "float32"

    @property
    def name(self) -> str:
        """The name of the classifier."""
        return next(iter(self.classifiers))

    @property
    def classifier(self) -> Classifier:
        """The one that the report is about."""
        return self.classifiers[self.name]

    @property
    def pair(self) -> tuple[Classifier, Classifier]:
        """The classifier and the first of those beside it."""
        first, second, *_ = self.classifiers.values()
        return first, second

    @property
    def size(self) -> int:
        """Side of the images, in pixels."""
        size = self.classifier.size
        if size is None:
            raise InputError(f"{self.name} does not say which images it takes; give a classifier whose card does")
        return size

    @property
    def eps(self) -> float:
        """Radius of the attack that the classifier was trained with; a small one where its card names none."""
        return float(attack(self.classifier).get("eps") or self.size / 64)

    @property
    def options(self) -> dict[str, Any]:
        """The options of every descent that makes pictures."""
        return {"precision": self.precision, "seed": self.seed}

    def by_scale(self, tiny: Value, small: Value, paper: Value) -> Value:
        """The value of the chosen scale."""
        return {"tiny": tiny, "small": small, "paper": paper}[self.scale]

    @cached_property
    def measured(self) -> LabeledImages:
        """The images to measure on: the data's test split, or all it has without one."""
        assert self.data is not None  # entries that need none do not ask
        return self.data.measured[1]

    def part(self, count: int) -> LabeledImages:
        """Images drawn evenly from all classes, mixed; at most all there are.

        Two calls begin with the same images only if their counts are equal.
        """
        chosen = drawn(self.measured.labels, count, self.seed)
        chosen = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(self.seed))]
        return self.measured.subset(chosen, self.measured.labels[chosen])

    def images(self, count: int) -> tuple[Tensor, Tensor]:
        """The images of `part`, `(N, 3, S, S)`, and their labels, `(N,)`."""
        return self.part(count).batch(slice(None))

    def shown(self, count: int) -> list[str]:
        """Names of classes at equal distances from each other, not chosen by their looks."""
        names = self.classifier.class_names or [str(number) for number in range(self.classifier.classes)]
        count = min(count, len(names))
        return [names[number * len(names) // count] for number in range(count)]


def attack(classifier: Classifier) -> dict[str, Any]:
    """The attack that a classifier was trained with, as its card has it; empty where it names none."""
    return (classifier.card.get("recipe") or {}).get("attack") or {}


def withstands(classifier: Classifier) -> str:
    """The norm of that attack, "l2" or "linf", or ""."""
    return str(attack(classifier).get("norm") or "")
