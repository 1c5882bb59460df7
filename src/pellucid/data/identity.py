"""Digests of data sets: whether images, splits or whole data sets are those of an earlier time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ..base.errors import InputError
from .dataset import Dataset, LabeledImages, Split
from .encoded import FileSplit

VERSION = b"pellucid data 2"  # of all digests of splits; a change makes every cache that is kept by them new


def split_digest(split: LabeledImages, count: int | None = None) -> str:
    """The sha256 of the first `count` images of a split, all if not given, their size and their labels.

    Images in memory count by their pixels. Files count by name, size and time of change, because to read them all may
    take hours.

    >>> black, labels = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1])
    >>> split_digest(Split(black, labels)) == split_digest(Split(black + 1, labels))
    False
    """
    numbers = range(len(split) if count is None else min(count, len(split)))
    labels = split.labels[: len(numbers)].cpu().numpy().tobytes()
    if isinstance(split, FileSplit):
        return _sha256(split, [labels, *(f"{split.files.stamp(number)}\n".encode() for number in numbers)])
    return _sha256(split, [labels, *_contents(split, numbers)])


def content_digest(split: LabeledImages) -> str:
    """The sha256 of the images of a split and their size, without their labels. Files are read: names do not count."""
    return _sha256(split, image_digests(split))


def data_digest(data: Dataset) -> str:
    """The sha256 of images, labels and class names of both splits. Files are read: names do not count.

    >>> black, white = (Split(torch.full((1, 1, 2, 2), value).byte(), torch.tensor([0])) for value in (0, 255))
    >>> data_digest(Dataset("a", black, white, ["x"])) == data_digest(Dataset("b", black, white, ["x"]))
    True
    """
    digest = hashlib.sha256(json.dumps(data.class_names).encode())
    for split in (data.train, data.test):
        digest.update(content_digest(split).encode() + split.labels.cpu().numpy().tobytes())
    return digest.hexdigest()


def image_digests(split: LabeledImages) -> list[bytes]:
    """16 bytes for each image, which equal those of the same image anywhere: of its pixels, or its file's content.

    >>> first, again, other = image_digests(Split(torch.tensor([0, 0, 1]).byte().reshape(3, 1, 1, 1), [0, 0, 0]))
    >>> first == again, first == other
    (True, False)
    """
    return list(_contents(split, range(len(split))))


def shared(data: Dataset) -> Tensor:
    """The numbers of the test images that are also training images, `(n,)` int64."""
    known = set(image_digests(data.train))
    return torch.tensor([n for n, found in enumerate(image_digests(data.test)) if found in known], dtype=torch.int64)


def _contents(split: LabeledImages, numbers: Iterable[int]) -> Iterator[bytes]:
    for number in numbers:
        if isinstance(split, Split):
            content = split.images[number].contiguous().cpu().numpy().tobytes()
        else:
            assert isinstance(split, FileSplit)
            try:
                with split.files.open(number) as file:
                    content = file.read()
            except OSError as error:
                raise InputError(f"{split.name(number)} cannot be read: {error.strerror}") from None
        yield hashlib.blake2b(content, digest_size=16).digest()


def _sha256(split: LabeledImages, parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256(VERSION + repr(split.size).encode())
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
