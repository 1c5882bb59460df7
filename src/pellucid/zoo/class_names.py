"""Class names: of the data sets that published classifiers are for, or from a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.errors import InputError, unknown
from ..data.jsonfile import read_json

CLASS_NAMES = {
    "cifar10": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    "restricted-imagenet": ["dog", "cat", "frog", "turtle", "bird", "primate", "fish", "crab", "insect"],
    "horse2zebra": ["horse", "zebra"],
    "apple2orange": ["apple", "orange"],
    "summer2winter": ["summer", "winter"],
}


def class_names(what: str | Path) -> list[str]:
    """The class names of a data set by its name, or those in a JSON file.

    Args:
        what: `cifar10`, `imagenet`, `restricted-imagenet`, `horse2zebra`, `apple2orange`, `summer2winter`, or a file
            with a list of names, `["cat", "dog"]`, or with numbered ones: `{"0": "cat", "1": "dog"}` or
            `{"0": ["n02121808", "cat"], ...}`, where the last text is taken.

    Raises:
        InputError: an unknown data set, or a file of another form.

    >>> class_names("horse2zebra")
    ['horse', 'zebra']
    """
    name = str(what)
    if name in CLASS_NAMES:
        return list(CLASS_NAMES[name])
    if name == "imagenet":
        from torchvision.models import ResNet50_Weights

        return list(ResNet50_Weights.DEFAULT.meta["categories"])
    path = Path(what)
    if not path.is_file():
        raise unknown("class names", name, [*CLASS_NAMES, "imagenet", "a JSON file"])
    found = read_json(path)
    try:
        if isinstance(found, dict):
            found = [found[str(label)] for label in range(len(found))]
        names: list[Any] = [entry[-1] if isinstance(entry, list) and entry else entry for entry in found]
    except (KeyError, TypeError):
        names = []
    if not names or not all(isinstance(entry, str) for entry in names):
        raise InputError(f'{path} must be JSON: a list of names, or names by number as in {{"0": "cat", "1": "dog"}}')
    return names
