"""What a data set is: splits of labeled images, and their class names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..base.checks import check_names
from ..base.devices import check_memory
from ..base.errors import InputError
from .image import cover
from .source import ImageFiles

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

    def name(self, number: int) -> str:
        """What messages call an image: its file, or its number."""
        ...

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


@dataclass(frozen=True)
class Split:
    """Labeled images in memory.

    Attributes:
        images: `(N, C, H, W)`, uint8 or floats in [0, 1].
        labels: `(N,)` class numbers from 0 up, as a tensor, an array or a list; int64 afterwards.
        files: where the images come from, for messages.
        class_names: what the labels number, of a split of a `Dataset`.

    Raises:
        InputError: images or labels of another shape or type, values outside [0, 1], a label below 0.

    >>> split = Split(torch.full((4, 3, 8, 8), 51, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    >>> images, labels = split.batch(torch.tensor([1, 2]))
    >>> images.shape, images.max().item(), labels.tolist()
    (torch.Size([2, 3, 8, 8]), 0.20000000298023224, [1, 0])
    """

    images: Tensor
    labels: Tensor
    files: ImageFiles | None = None
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_images(self.images)
        object.__setattr__(self, "images", self.images.detach())
        object.__setattr__(self, "labels", class_numbers(self.labels, len(self.images)))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        height, width = self.size
        return f"Split({len(self)} images, {width} x {height}, {len(self.labels.unique())} classes)"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[2], self.images.shape[3]

    def name(self, number: int) -> str:
        """The image's file, or its number."""
        return self.files.name(number) if self.files else str(number)

    def raw(self, index: Tensor | slice) -> Tensor:
        """The images at `index`, `(n, C, H, W)` uint8."""
        images = self.images[index]
        return images if images.dtype == torch.uint8 else (images * 255).round().byte()

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        images = self.images[index]
        images = images.float() / 255 if images.dtype == torch.uint8 else images.float().clamp(0, 1)
        return images, self.labels[index]

    def subset(self, index: Tensor, labels: Tensor) -> Split:
        """The images at `index` with other labels."""
        return Split(self.images[index], labels, self.files.subset(index) if self.files else None, self.class_names)

    def order(self, generator: torch.Generator) -> Tensor:
        """A random permutation."""
        return torch.randperm(len(self), generator=generator)


def check_labeled(split: Any) -> None:
    """Raise `InputError` for images that are no split."""
    if isinstance(split, Dataset):
        raise InputError(f"give a split of {split.name}, its test or its train, not the whole data set")
    if isinstance(split, (str, Path)):
        raise InputError(f"give a split, not where it is: pellucid.load_data({str(split)!r}).test")
    if not hasattr(split, "batch"):
        raise InputError(f"give the images as pellucid.Split(images, labels), not as {type(split).__name__}")


def check_dataset(data: Any) -> None:
    """Raise `InputError` for what is no data set."""
    if isinstance(data, (str, Path)):
        raise InputError(f"give a data set, not where it is: pellucid.load_data({str(data)!r})")
    if not isinstance(data, Dataset):
        given = type(data).__name__
        raise InputError(f"give the images as pellucid.Dataset(name, train, test, class_names), not as {given}")


def _check_images(images: Tensor) -> None:
    wanted = "images must be an (N, C, H, W) tensor, uint8 or floats in [0, 1]"
    if not isinstance(images, Tensor) or images.ndim != 4:
        raise InputError(f"{wanted}, not {type(images).__name__} of shape {tuple(getattr(images, 'shape', ()))}")
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        raise InputError(f"{wanted}, not of shape {tuple(images.shape)}; give images.permute(0, 3, 1, 2)")
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise InputError(f"{wanted}, not {images.dtype}")
    if len(images):
        least, largest = (float(value) for value in images.aminmax())
        if not (least >= -1e-6 and largest <= 1 + 1e-6):  # also refuses NaN
            raise InputError(f"{wanted}, not floats from {least:g} to {largest:g}")


def class_numbers(labels: Any, count: int, what: str = "labels") -> Tensor:
    """Labels as `(N,)` int64, from a tensor, an array or a list, also of shape `(N, 1)`.

    Raises:
        InputError: other than `count` labels, one-hot labels, fractions, a label below 0; `what` is what it calls them.

    >>> class_numbers([[2], [0]], 2)
    tensor([2, 0])
    """
    try:
        found = labels if isinstance(labels, Tensor) else torch.as_tensor(np.asarray(labels).tolist())
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{what} must be class numbers, one for each image") from None
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 2 and len(found) == count:
        one_hot = bool(((found != 0).sum(1) == 1).all())
        remedy = "of one-hot rows give labels.argmax(1)" if one_hot else "rows of several classes cannot be measured"
        raise InputError(f"{what} must be one class number for each image; {remedy}")
    if found.ndim != 1 or len(found) != count:
        raise InputError(f"{what} must be {count} class numbers, one for each image, not of shape {tuple(found.shape)}")
    if found.numel() and (found.is_floating_point() or found.is_complex()):
        raise InputError(f"{what} must be whole numbers, not {str(found.dtype).removeprefix('torch.')}")
    found = found.long()
    if found.numel() and int(found.min()) < 0:
        raise InputError(f"{what} go down to {int(found.min())}; class numbers start at 0")
    return found


@dataclass(frozen=True)
class Dataset:
    """A data set: its splits, which know its class names, too. `train` or `test` may be empty."""

    name: str
    train: LabeledImages
    test: LabeledImages
    class_names: list[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", check_names(self.class_names) or [])
        for split in (self.train, self.test):
            check_labeled(split)
            if len(split) and int(split.labels.max()) >= len(self.class_names):
                least, largest, count = int(split.labels.min()), int(split.labels.max()), len(self.class_names)
                hint = "; class numbers start at 0, and these at 1" if (least, largest) == (1, count) else ""
                raise InputError(f"{self.name}: labels go up to {largest}, but there are {count} classes{hint}")
        names = tuple(self.class_names)
        object.__setattr__(self, "train", replace(self.train, class_names=names))  # type: ignore[type-var]
        object.__setattr__(self, "test", replace(self.test, class_names=names))  # type: ignore[type-var]

    def __repr__(self) -> str:
        return f"Dataset({self.counts(4)})"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return (self.train if len(self.train) else self.test).size

    @property
    def measured(self) -> tuple[str, LabeledImages]:
        """The split on which a classifier is measured, after its name: test, or train where that is all there is."""
        return ("test", self.test) if len(self.test) else ("train", self.train)

    def counts(self, most: int = 20) -> str:
        """One line with the images of each class in both splits, of the first `most` classes.

        >>> split = Split(torch.zeros(3, 3, 1, 1), [0, 0, 1])
        >>> Dataset("pets", split, Split(split.images[:1], [1]), ["cat", "dog"]).counts()
        'pets: 3 training and 1 test images of 2 classes: cat 2 + 0, dog 1 + 1'
        """
        train, test = (
            split.labels.cpu().bincount(minlength=len(self.class_names)).tolist() for split in (self.train, self.test)
        )
        each = [f"{name} {n} + {m}" for name, n, m in zip(self.class_names, train, test, strict=True)]
        return (
            f"{self.name}: {len(self.train)} training and {len(self.test)} test images of {len(each)} classes: "
            f"{', '.join(each[:most])}{', ...' if len(each) > most else ''}"
        )

    def without_train(self) -> Dataset:
        """The data set with an empty train split; as it is if it has no other."""
        if not len(self.test):
            return self
        return replace(self, train=self.test.subset(torch.arange(0), self.test.labels[:0]))


def resized(data: Dataset, size: int | None) -> Dataset:
    """A data set whose images, in memory, are brought to a square of `size`, a thousand at a time; as it is if None."""
    splits = [split for split in (data.train, data.test) if len(split)]
    sizes = {split.size for split in splits}
    if size is None:
        if len(sizes) > 1:
            (height, width), (other_height, other_width) = (split.size for split in splits)
            raise InputError(
                f"{data.name} has training images of {width} x {height} and test images of "
                f"{other_width} x {other_height}; give --size"
            )
        return data
    if sizes == {(size, size)}:
        return data
    count = len(data.train) + len(data.test)
    bytes_each = 3 * size * size
    check_memory(bytes_each * (count + 4 * min(count, RESIZED)), f"{data.name} with {count} images of {size} x {size}")

    return changed(data, lambda images: cover(images, size))


def changed(data: Dataset, change: Callable[[Tensor], Tensor]) -> Dataset:
    """A data set in memory whose images went through `change`, `(N, C, H, W)` in [0, 1] to the same, some at a time."""

    def every(split: LabeledImages) -> Split:
        starts = range(0, max(len(split), 1), RESIZED)
        chunks = [change(split.batch(slice(start, start + RESIZED))[0]) for start in starts]
        return Split(torch.cat([(chunk * 255).round().byte() for chunk in chunks]), split.labels)

    return replace(data, train=every(data.train), test=every(data.test))


def numbered_classes(labels: Tensor, where: object) -> list[str]:
    """Class names "0", "1", ... for labels without any; raises `InputError` for too many."""
    largest = int(labels.max())
    if largest >= MAX_CLASSES:
        raise InputError(f"{where}: labels go up to {largest}; there are at most {MAX_CLASSES} classes")
    return [str(number) for number in range(largest + 1)]
