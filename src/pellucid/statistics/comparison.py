"""Which images of a test set are measured, with which classifiers: in batches, and going on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.checks import check_classifier, positive_int
from ..base.errors import InputError
from ..base.files import finite
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages, check_labeled
from ..data.draw import drawn
from ..data.identity import split_digest
from ..data.parts import Parts
from ..zoo.models import fingerprint
from .table import Statistics, Values

AT_ONCE = 32  # images that are in memory together, in every version that is compared
Compare = Callable[[Tensor, int], Values]


@dataclass(frozen=True)
class Comparison:
    """Images of a test set, drawn evenly from all classes, and the classifiers that are to be compared on them.

    Args:
        classifiers: by name; every other method is compared with the first.
        split: labeled images of the classifiers' size.
        count: how many images; all if None.
        seed: of the choice, and of every random choice after it.
        judge: a classifier that has no part in the results, and is asked about them.
        parts: a folder for what is finished, from which a comparison that was stopped goes on.

    Raises:
        InputError: no classifier, images of another size than theirs, no images.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 0, 1, 1]))
    >>> comparison = Comparison({"robust": pl.load("cifar10-l2-0.5", "cpu")}, split, count=2)
    >>> comparison.images.labels
    tensor([0, 1])
    """

    classifiers: Mapping[str, Classifier]
    split: LabeledImages
    count: int | None = 200
    seed: int = 0
    judge: Classifier | None = None
    parts: str | Path | None = None

    def __post_init__(self) -> None:
        check_labeled(self.split)
        if not isinstance(self.classifiers, Mapping) or not self.classifiers:
            raise InputError('give the classifiers by name, such as {"robust": pellucid.load("natural20-l2-2.0")}')
        if not len(self.split):
            raise InputError("there are no images to measure on")
        if self.count is not None:
            positive_int("count", self.count)
        height, width = self.split.size
        for name, classifier in self.classifiers.items():
            check_classifier(classifier)
            if (side := classifier.size or height) != width or side != height:
                raise InputError(f"the images are {width} x {height} and {name} takes {side} x {side}")

    @property
    def first(self) -> Classifier:
        """The classifier with which every other method is compared."""
        return next(iter(self.classifiers.values()))

    @cached_property
    def images(self) -> LabeledImages:
        """The images that are measured, in the order of the data set."""
        index = drawn(self.split.labels, self.count, self.seed)
        return self.split.subset(index, self.split.labels[index])

    def measure(
        self, task: str, compare: Compare, settings: dict[str, Any], callback: Callable[[float], None] | None = None
    ) -> Statistics:
        """What `compare(images, number of the first of them)` gives for every batch, as one.

        Args:
            task: what is measured.
            compare: from `(n, 3, S, S)` in [0, 1] to metric -> method -> `(n,)`; the methods include all classifiers.
            settings: on which the values depend besides what this object knows, as plain JSON.
            callback: called with the share of the images that is done.
        """
        facts = {"count": len(self.images), "seed": self.seed, **settings}
        facts["models"] = {name: fingerprint(classifier) for name, classifier in self.classifiers.items()}
        facts["judge"] = None if self.judge is None else fingerprint(self.judge)
        facts["data_sha256"] = split_digest(self.images)
        facts = json.loads(json.dumps(finite(facts), default=repr))
        of = hashlib.sha256(json.dumps([task, facts], sort_keys=True).encode()).hexdigest()
        kept = Parts(None if self.parts is None else Path(self.parts))
        found = []
        for first in range(0, len(self.images), AT_ONCE):
            span = slice(first, min(first + AT_ONCE, len(self.images)))
            found.append(kept.get(f"{first:07d}", lambda span=span: self._flat(compare, span), of))
            if callback is not None:
                callback(span.stop / len(self.images))
        values: Values = {}
        for name in sorted(found[0]):
            _, metric, method = name.split("/", 2)
            values.setdefault(metric, {})[method] = torch.cat([part[name] for part in found])
        return Statistics(task, next(iter(self.classifiers)), values, facts)

    def _flat(self, compare: Compare, span: slice) -> dict[str, Tensor]:
        values = compare(self.images.batch(span)[0], span.start)
        rows = [(f"{metric}/{name}", v.cpu()) for metric, methods in values.items() for name, v in methods.items()]
        return {f"{number:03d}/{name}": row for number, (name, row) in enumerate(rows)}  # a file of tensors sorts names
