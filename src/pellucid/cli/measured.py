"""The images on which a command measures classifiers."""

from __future__ import annotations

import warnings
from typing import Any

from ..classifier import Classifier
from ..data.dataset import LabeledImages, load_data
from ..evaluation.classes import in_order_of


def measured(flags: Any, classifier: Classifier) -> tuple[dict[str, str], LabeledImages]:
    """What the flags `data`, `grouping` and `skip_unreadable` name, in the size and the class order of a classifier.

    Returns:
        The names of the data set and of the split, as they stand in the result; and the split.
    """
    data = load_data(
        flags.data, classifier.size, grouping=flags.grouping, skip_unreadable=flags.skip_unreadable, measuring=True
    )
    name, split = in_order_of(classifier, data).measured
    if name == "train" and len(split):
        warnings.warn(
            f"{flags.data} has no test split: all of it is taken, and flatters a classifier that was trained on it",
            stacklevel=2,
        )
    return {"data": data.name, "split": name}, split
