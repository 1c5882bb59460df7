"""Facts that identify networks and data sets by their content, not by their names."""

from __future__ import annotations

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..data.identity import data_digest
from ..zoo.models import fingerprint

READ = 512  # images that are read at once


def network_facts(classifier: Classifier) -> list:
    """What identifies how a classifier reads images: strides and activations, too, which are not among its weights."""
    normalization = [classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()]
    return [fingerprint(classifier), repr(classifier.network), classifier.head, normalization]


def check_unchanged(data: Dataset, name: str, sha256: str | None) -> None:
    """Raise `InputError` if the digest of a data set is not this one; None skips the check."""
    if sha256 not in (None, data_digest(data)):
        raise InputError(f"the data of {name} have changed since; their sha256 is not the sidecar's")
