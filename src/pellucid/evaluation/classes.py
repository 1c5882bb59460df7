"""Whether a data set's classes are those of a classifier, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..base.errors import InputError, shortened, warn
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages
from ..data.wordnet import named


def in_order_of(classifier: Classifier, data: Dataset) -> Dataset:
    """The data set with its classes in the order of a classifier's, so that label k means what logit k does.

    Where both have the same names, labels are mapped by name; "Guinea Pig" and "guinea_pig" are the same. Otherwise the
    classes are taken in their order, and a warning tells of names that differ, unless one side has numbers for names,
    or none.

    Raises:
        InputError: another number of classes.

    >>> from pellucid import Split
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    >>> split = Split(torch.zeros(3, 3, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 1]))
    >>> pets = Dataset("pets", split, split, ["cat", "dog"])
    >>> in_order_of(Classifier(network, class_names=["dog", "cat"]), pets).test.labels
    tensor([1, 1, 0])
    """
    if classifier.class_names is None:
        return data
    own, given = named(classifier.class_names), data.class_names
    if own == given:
        return data
    if len(own) != len(given):
        sides = {"the data have": sorted(set(given) - set(own)), "the model has": sorted(set(own) - set(given))}
        alone = [f"only {who} {', '.join(some[:6])}" + ", ..." * (len(some) > 6) for who, some in sides.items() if some]
        more = (
            "; name all of the model's classes: class_names in the .npz, classes.json beside shards"
            if _numbered(given)
            else ""
        )
        raise InputError(f"{data.name} has {len(given)} classes, the model {len(own)}: {'; '.join(alone)}{more}")
    for spelled in (str, _spelled):
        place = {spelled(name): number for number, name in enumerate(own)}
        if len(place) == len(own) and place.keys() == {spelled(name) for name in given}:
            return _mapped(data, own, torch.tensor([place[spelled(name)] for name in given]))
    if not (_numbered(own) or _numbered(given)):
        warn(_difference(own, given, data.name))
    return replace(data, class_names=own)


def matched(classifier: Classifier, split: LabeledImages) -> LabeledImages:
    """A split of a data set with its classes in the order of a classifier's; one without class names as it is."""
    names = getattr(split, "class_names", None)
    if names is None:
        return split
    none = split.subset(torch.arange(0), split.labels[:0])
    return in_order_of(classifier, Dataset("the data set", none, split, list(names))).test


def warn_of_absent(classifier: Classifier, labels: Tensor) -> None:
    """Warn of the classes of a classifier that no label names: an accuracy says nothing about these."""
    names = classifier.class_names or [str(number) for number in range(classifier.classes)]
    present = set(labels.tolist())
    if absent := [name for number, name in enumerate(names) if number not in present]:
        warn(f"{len(absent)} of {len(names)} classes have no image here: {shortened(absent)}")


def _spelled(name: str) -> str:
    """A name without what people spell in several ways: capitals, underscores, hyphens, and spaces around it."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _mapped(data: Dataset, names: list[str], place: Tensor) -> Dataset:
    def mapped(split: LabeledImages) -> LabeledImages:
        return split.subset(torch.arange(len(split)), place[split.labels])

    return replace(data, train=mapped(data.train), test=mapped(data.test), class_names=names)


def _numbered(names: Sequence[str]) -> bool:
    """Whether these are the names of classes that have none."""
    return list(names) == [str(number) for number in range(len(names))]


def _difference(own: Sequence[str], given: Sequence[str], data: str) -> str:
    pairs = [
        f"{theirs!r} where the model has {mine!r}" for mine, theirs in zip(own, given, strict=True) if mine != theirs
    ]
    return (
        f"{len(pairs)} of {len(own)} classes of {data} have other names than the model's "
        f"({shortened(pairs, 3)}); classes are taken in their order"
    )
