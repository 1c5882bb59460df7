"""What a data set is, and loading one from a folder, webdataset shards, an npz file, or torchvision by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ..base.checks import positive_int
from ..base.devices import check_memory
from ..base.errors import InputError

if TYPE_CHECKING:
    from .grouping import Grouping

MAX_CLASSES = 100_000
GIB = 2**30
RESIZED = 1000  # images that are resized at once, as float32


class LabeledImages(Protocol):
    """What every split offers, wherever its images are: `Split` has them in memory, `FileSplit` decodes files."""

    @property
    def labels(self) -> Tensor:
        """`(N,)` int64."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        ...

    def __len__(self) -> int: ...

    def raw(self, index: Tensor | slice) -> Tensor:
        """The images at `index`, `(n, 3, H, W)` uint8."""
        ...

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        ...

    def subset(self, index: Tensor, labels: Tensor) -> LabeledImages:
        """The images at `index` with other labels."""
        ...

    def order(self, generator: torch.Generator) -> Tensor:
        """A random order in which to go through the images, `(N,)` int64."""
        ...

    def identity(self, count: int) -> Iterator[bytes]:
        """What tells the first `count` images from any others, in pieces; labels are not in it."""
        ...


@dataclass(frozen=True)
class Split:
    """Labeled images in memory: `images` `(N, C, H, W)` uint8, `labels` `(N,)` int64.

    >>> split = Split(torch.full((4, 3, 8, 8), 51, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    >>> images, labels = split.batch(torch.tensor([1, 2]))
    >>> images.shape, images.max().item(), labels.tolist()
    (torch.Size([2, 3, 8, 8]), 0.20000000298023224, [1, 0])
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[2], self.images.shape[3]

    def raw(self, index: Tensor | slice) -> Tensor:
        """The images at `index`, `(n, C, H, W)` uint8."""
        return self.images[index]

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        return self.images[index].float() / 255, self.labels[index]

    def subset(self, index: Tensor, labels: Tensor) -> Split:
        """The images at `index` with other labels."""
        return Split(self.images[index], labels)

    def order(self, generator: torch.Generator) -> Tensor:
        """A random permutation."""
        return torch.randperm(len(self), generator=generator)

    def identity(self, count: int) -> Iterator[bytes]:
        """The shape and the pixels of the first `count` images, a thousand at a time."""
        yield str(tuple(self.images.shape[1:])).encode()
        for chunk in self.images[:count].split(1000):
            yield chunk.contiguous().numpy().tobytes()


@dataclass(frozen=True)
class Dataset:
    """A data set: its splits and its class names. `train` or `test` may be empty."""

    name: str
    train: LabeledImages
    test: LabeledImages
    class_names: list[str]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return (self.train if len(self.train) else self.test).size

    @property
    def measured(self) -> tuple[str, LabeledImages]:
        """The split on which a classifier is measured, after its name: test, or train where that is all there is."""
        return ("test", self.test) if len(self.test) else ("train", self.train)

    def without_train(self) -> Dataset:
        """The data set with an empty train split; as it is if it has no other."""
        if not len(self.test):
            return self
        return replace(self, train=self.test.subset(torch.arange(0), self.test.labels[:0]))


def load_data(
    source: str | Path,
    size: int | None = None,
    *,
    grouping: str | Path | Grouping | None = None,
    class_names: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    measuring: bool = False,
    memory: int = 4 * GIB,
    callback: Callable[[float], None] | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        source: a folder with `train/` and `test/` (or `val/`) of class folders; of class folders alone (all of which is
            then the train split); with `trainA/`, `trainB/`, `testA/`, `testB/`; or with webdataset shards
            `train-*.tar` and `test-*.tar` (or `val-*.tar`). An `.npz` with `train_images` (uint8 NHWC), `train_labels`,
            and optionally `test_images`, `test_labels`, `class_names`. Or `torchvision:NAME`, such as
            `torchvision:CIFAR10`.
        size: the side in pixels to which images are brought; needed where they differ in size.
        grouping: superclasses: `restricted-imagenet`, a JSON file, or a `Grouping`; see `load_grouping`.
        class_names: names of the classes in their order, in place of the data's own.
        skip_unreadable: leave out image files that cannot be decoded, with one warning, instead of refusing the data.
        measuring: where there is a test split, leave the train split empty: its images are not decoded.
        memory: the most bytes of uint8 pixels that image files are decoded into at once. What would take more is a
            `FileSplit`, decoded when it is read.
        callback: called with the share of the image files that is decoded.

    Raises:
        InputError: nothing there, not in one of these shapes, an image that cannot be read, a grouping that does not
            fit.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/gray.npz", train_images=np.zeros((6, 4, 4), np.uint8), train_labels=np.arange(6) % 3)
    ...     data = load_data(f"{folder}/gray.npz", size=8, class_names=["cat", "dog", "ship"])
    >>> len(data.train), data.size, data.class_names
    (6, (8, 8), ['cat', 'dog', 'ship'])
    """
    from .encoded import in_memory
    from .grouping import load_grouping, regroup

    if size is not None:
        positive_int("size", size)
    data = _open(str(source), size, skip_unreadable, measuring)
    if grouping is not None:
        data = regroup(data, load_grouping(grouping))
    if class_names is not None:
        data = _renamed(data, class_names)
    return in_memory(data, memory, callback)


def _open(source: str, size: int | None, skip_unreadable: bool, measuring: bool) -> Dataset:
    """The data set, or what of it is measured on; image files are found and labeled, and not decoded yet."""
    # Imported here because the readers below make what this file defines.
    from .folder import load_folder
    from .npz import load_npz
    from .shards import has_shards, load_shards
    from .torchvision import load_torchvision

    if source.startswith("torchvision:"):
        data = load_torchvision(source.removeprefix("torchvision:"))
    elif source.endswith(".npz"):
        data = load_npz(Path(source))
    elif has_shards(Path(source)):
        data = load_shards(Path(source), size, skip_unreadable)
    elif Path(source).is_dir():
        data = load_folder(Path(source), size, skip_unreadable)
    else:
        raise InputError(f"no data at {source!r}: give a folder of class folders, an .npz file or torchvision:NAME")
    data = data.without_train() if measuring else data
    # Images in memory only: those of files are brought to the size when they are decoded.
    return resized(data, size) if isinstance(data.test, Split) else data


def _renamed(data: Dataset, names: Sequence[str]) -> Dataset:
    if len(names) != len(data.class_names) or len(set(names)) != len(names):
        raise InputError(
            f"{data.name} has {len(data.class_names)} classes ({', '.join(data.class_names[:6])}"
            f"{', ...' if len(data.class_names) > 6 else ''}); give as many different class names, not {len(names)}"
        )
    return replace(data, class_names=[str(name) for name in names])


def resized(data: Dataset, size: int | None) -> Dataset:
    """A data set whose images, in memory, are brought to a square of `size`, a thousand at a time; as it is if None."""
    if size is None or data.size == (size, size):
        return data
    from .image import cover

    count = len(data.train) + len(data.test)
    bytes_each = 3 * size * size
    check_memory(bytes_each * (count + 4 * min(count, RESIZED)), f"{data.name} with {count} images of {size} x {size}")

    def brought(split: LabeledImages) -> Split:
        starts = range(0, max(len(split), 1), RESIZED)
        chunks = [cover(split.batch(slice(start, start + RESIZED))[0], size) for start in starts]
        return Split(torch.cat([(chunk * 255).round().byte() for chunk in chunks]), split.labels)

    return replace(data, train=brought(data.train), test=brought(data.test))


def numbered_classes(labels: Tensor, where: object) -> list[str]:
    """Class names "0", "1", ... for labels without any; raises `InputError` for labels that are no class numbers."""
    least, largest = (int(label) for label in labels.aminmax())
    if least < 0 or largest >= MAX_CLASSES:
        raise InputError(f"{where}: labels go from {least} to {largest}; they must be class numbers from 0 up")
    return [str(number) for number in range(largest + 1)]
