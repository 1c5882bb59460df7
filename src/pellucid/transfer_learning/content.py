"""Which networks and data sets are the same, whatever they are called."""

from __future__ import annotations

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..data.identity import data_digest
from ..zoo.models import fingerprint

READ = 512  # images that are read at once


def network_facts(classifier: Classifier) -> list:
    """What tells how a classifier reads images from how another does; weights tell of no stride and no activation."""
    normalization = [classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()]
    return [fingerprint(classifier), repr(classifier.network), classifier.head, normalization]


def check_unchanged(data: Dataset, name: str, sha256: str | None) -> None:
    """Raise `InputError` if the digest of a data set is another than this; None is nobody's."""
    if sha256 not in (None, data_digest(data)):
        raise InputError(f"the data of {name} have changed since; their sha256 is not the sidecar's")
