"""Superclasses: the classes of a data set put into groups, as Restricted ImageNet does with ImageNet's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..base.errors import InputError, shortened, unknown
from .dataset import Dataset, LabeledImages
from .jsonfile import read_json

Member = str | tuple[int, int]


@dataclass(frozen=True)
class Grouping:
    """Groups of classes, by class names or by inclusive ranges over the classes in their order.

    >>> pets = Grouping("pets", {"cat": ("tabby", "siamese"), "dog": ((2, 3),)})
    >>> pets.resolve(["siamese", "tabby", "beagle", "pug"])
    [0, 0, 1, 1]
    """

    name: str
    """What the grouped data set is called after."""
    groups: dict[str, tuple[Member, ...]]
    """Names of classes and ranges (first, last) of each group."""
    leave_out: bool = False
    """Whether classes in no group are left out; otherwise they are an error."""
    balanced: bool = False
    """Whether each group takes only its first classes, as many as the smallest group has."""
    first_of: tuple[str, int] | None = None
    """The first class and the number of classes that the ranges were written for."""

    def resolve(self, class_names: list[str]) -> list[int]:
        """The group of each class, -1 for one that is left out.

        Raises:
            InputError: an unknown class, a range outside, a class in two groups or in none, an empty group, other
                classes than the ranges were written for.
        """
        if self.first_of is not None and (class_names[0], len(class_names)) != self.first_of:
            raise InputError(
                f"{self.name} groups {self.first_of[1]} classes that begin with {self.first_of[0]}, "
                f"not {len(class_names)} that begin with {class_names[0]}"
            )
        numbers = {name: number for number, name in enumerate(class_names)}
        members = [self._numbers(group, numbers) for group in self.groups]
        self._check(members, class_names)
        most = min(map(len, members)) if self.balanced else len(class_names)
        groups = [-1] * len(class_names)
        for group, classes in enumerate(members):
            for number in classes[:most]:
                groups[number] = group
        return groups

    def _numbers(self, group: str, numbers: dict[str, int]) -> list[int]:
        """The classes of a group by number, in their order."""
        found: list[int] = []
        for member in self.groups[group]:
            if isinstance(member, str):
                if member not in numbers:
                    raise unknown(f"class in group {group!r} of {self.name}:", member, numbers)
                found.append(numbers[member])
            else:
                first, last = member
                if not 0 <= first <= last < len(numbers):
                    raise InputError(
                        f"{self.name}: the range {first} to {last} of {group!r} does not lie in 0 to {len(numbers) - 1}"
                    )
                found.extend(range(first, last + 1))
        if not found:
            raise InputError(f"{self.name}: the group {group!r} is empty")
        return sorted(found)

    def _check(self, members: list[list[int]], class_names: list[str]) -> None:
        """Raise `InputError` for overlaps and gaps."""
        homes: dict[int, str] = {}
        for group, classes in zip(self.groups, members, strict=True):
            for number in classes:
                if number in homes:
                    raise InputError(
                        f"{self.name}: class {class_names[number]!r} is in {homes[number]!r} and again in {group!r}"
                    )
                homes[number] = group
        if len(members) < 2:
            raise InputError(f"{self.name} has one group, {next(iter(self.groups))!r}; a classifier needs at least two")
        gaps = [name for number, name in enumerate(class_names) if number not in homes]
        if gaps and not self.leave_out:
            raise InputError(
                f"{self.name}: {len(gaps)} classes are in no group ({shortened(gaps)}); "
                'put them into one, or say "others": "leave-out"'
            )


RESTRICTED_IMAGENET = Grouping(
    "restricted-imagenet",
    {
        "dog": ((151, 268),),
        "cat": ((281, 285),),
        "frog": ((30, 32),),
        "turtle": ((33, 37),),
        "bird": ((80, 100),),
        "primate": ((365, 382),),
        "fish": ((389, 397),),
        "crab": ((118, 121),),
        "insect": ((300, 319),),
    },
    leave_out=True,
    first_of=("n01440764", 1000),
)
"""The 9 superclasses of Tsipras et al. 2019, as ranges over ImageNet's 1000 WordNet folders in their order."""

GROUPINGS = {grouping.name: grouping for grouping in [RESTRICTED_IMAGENET]}


def load_grouping(source: str | Path | Grouping) -> Grouping:
    """A grouping by name or from a JSON file.

    The file holds one object: for each group a list of class names, of ranges `[first, last]` (inclusive, over the
    classes in their order), or of both. Besides, `"others": "leave-out"` leaves out the classes that are in no group,
    which are an error otherwise, and `"balanced": true` takes equally many classes of each group.

    Raises:
        InputError: an unknown name, or a file of another shape.

    >>> load_grouping("restricted-imagenet").groups["cat"]
    ((281, 285),)
    """
    if isinstance(source, Grouping):
        return source
    if str(source) in GROUPINGS:
        return GROUPINGS[str(source)]
    path = Path(source)
    if path.suffix != ".json":
        raise unknown("grouping", source, [*GROUPINGS, "FILE.json"])
    facts = read_json(path)
    if not isinstance(facts, dict):
        raise InputError(f"{path} must be an object that gives a list of classes for each group")
    groups = {name: value for name, value in facts.items() if isinstance(value, list)}
    options = {name: value for name, value in facts.items() if name not in groups}
    for name, value in options.items():
        if (name, value) != ("others", "leave-out") and not (name == "balanced" and isinstance(value, bool)):
            raise InputError(
                f'{path}: {name!r} must be a list of classes; besides groups there are "others": "leave-out" and '
                '"balanced": true'
            )
    if not groups:
        raise InputError(f"{path} has no groups")
    members = {name: tuple(_member(item, name, path) for item in items) for name, items in groups.items()}
    return Grouping(path.stem, members, "others" in options, options.get("balanced", False))


def _member(item: Any, group: str, path: Path) -> Member:
    if isinstance(item, str):
        return item
    if isinstance(item, list) and [type(number) for number in item] == [int, int]:
        return item[0], item[1]
    raise InputError(f"{path}: {str(item)[:40]!r} in {group!r} is neither a class name nor a range [first, last]")


def regroup(data: Dataset, grouping: Grouping) -> Dataset:
    """The data set with groups for classes; images of classes that are left out are not in it."""
    groups = torch.tensor(grouping.resolve(data.class_names))

    def grouped(split: LabeledImages) -> LabeledImages:
        labels = groups[split.labels]
        kept = (labels >= 0).nonzero()[:, 0]
        return split.subset(kept, labels[kept])

    train, test = grouped(data.train), grouped(data.test)
    return replace(
        data, name=f"{data.name} ({grouping.name})", train=train, test=test, class_names=list(grouping.groups)
    )
