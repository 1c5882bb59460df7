"""The images on which a command measures classifiers, and what is to be known about them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.load import load_data
from ..evaluation.classes import in_order_of


def measured(flags: Any, classifier: Classifier) -> tuple[dict[str, Any], LabeledImages]:
    """What the flags `data`, `grouping` and `skip_unreadable` name, in the size and the class order of a classifier.

    Returns:
        The names of the data set and of the split and what was warned of, as they stand in the result; and the split.
    """
    with noted() as said:
        data = load_data(
            flags.data, classifier.size, grouping=flags.grouping, skip_unreadable=flags.skip_unreadable, measuring=True
        )
        name, split = in_order_of(classifier, data).measured
        if name == "train" and len(split):
            warnings.warn(
                f"{flags.data} has no test split: all of it is taken, and flatters a classifier that was trained on it",
                stacklevel=2,
            )
    return {"data": data.name, "split": name, "warnings": said}, split


@contextmanager
def noted() -> Iterator[list[str]]:
    """Within, what is warned of is also kept in the list: whoever reads a result's file should know it too."""
    said: list[str] = []
    show = warnings.showwarning

    def keep_and_show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, UserWarning):
            said.append(str(message))
        show(message, category, *where)

    with warnings.catch_warnings():
        warnings.showwarning = keep_and_show
        yield said
