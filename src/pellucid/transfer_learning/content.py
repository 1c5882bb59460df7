"""Which images and networks are the same, whatever they are called."""

from __future__ import annotations

import hashlib
import json

import torch

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.dataset import Dataset, LabeledImages
from ..data.encoded import FileSplit
from ..zoo.models import fingerprint

READ = 512  # images that are read at once


def image_digests(split: LabeledImages) -> list[bytes]:
    """A digest of 16 bytes for each image: of its pixels where they are in memory, otherwise of its file's content.

    >>> from pellucid import Split
    >>> first, again, other = image_digests(Split(torch.tensor([0, 0, 1]).byte().reshape(3, 1, 1, 1), torch.zeros(3)))
    >>> first == again, first == other
    (True, False)
    """
    if isinstance(split, FileSplit):
        return [_file_digest(split, number) for number in range(len(split))]
    chunks = (split.raw(slice(first, first + READ)) for first in range(0, len(split), READ))
    return [_digest(image.contiguous().numpy().tobytes()) for chunk in chunks for image in chunk]


def network_facts(classifier: Classifier) -> list:
    """What tells how a classifier reads images from how another does; weights tell of no stride and no activation."""
    normalization = [classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()]
    return [fingerprint(classifier), repr(classifier.network), classifier.head, normalization]


def split_digest(split: LabeledImages) -> str:
    """What tells the images of one split from another's: the digest of all of them, their order and their size."""
    return _digest(repr(split.size).encode() + b"".join(image_digests(split))).hex()


def data_digest(data: Dataset) -> str:
    """The sha256 of everything about a data set that a transfer depends on: images, labels and classes, not its name.

    >>> from pellucid import Split
    >>> black, white = (Split(torch.full((1, 1, 2, 2), value).byte(), torch.tensor([0])) for value in (0, 255))
    >>> data_digest(Dataset("a", black, white, ["x"])) == data_digest(Dataset("b", black, white, ["x"]))
    True
    """
    digest = hashlib.sha256(json.dumps(data.class_names).encode())
    for split in (data.train, data.test):
        digest.update(split_digest(split).encode() + split.labels.cpu().numpy().tobytes())
    return digest.hexdigest()


def check_unchanged(data: Dataset, name: str, sha256: str | None) -> None:
    """Raise `InputError` if the digest of a data set is another than this; None is nobody's."""
    if sha256 not in (None, data_digest(data)):
        raise InputError(f"the data of {name} have changed since; their sha256 is not the sidecar's")


def shared(data: Dataset) -> torch.Tensor:
    """The numbers of the test images that are also training images, `(n,)` int64."""
    known = set(image_digests(data.train))
    return torch.tensor([n for n, found in enumerate(image_digests(data.test)) if found in known], dtype=torch.int64)


def _file_digest(split: FileSplit, number: int) -> bytes:
    try:
        with split.files.open(number) as file:
            return _digest(file.read())
    except OSError as error:
        if split.skip_unreadable:
            return _digest(split.files.name(number).encode())
        raise InputError(f"{split.files.name(number)} cannot be read: {error.strerror}") from None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
