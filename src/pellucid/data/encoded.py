"""Images that stay encoded, as files or within shards, and are decoded when they are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..base.errors import InputError, warn
from .dataset import Dataset, LabeledImages, Split
from .image import cover, quiet
from .source import ImageFiles, read_file

CHUNK = 512  # images that are decoded between two calls of a callback


@dataclass(frozen=True)
class FileSplit:
    """Labeled image files, decoded when they are read, in threads. An unreadable one is an `InputError`."""

    files: ImageFiles
    labels: Tensor
    """`(N,)` int64."""
    size: tuple[int, int]
    """Height and width of the images."""
    resize: bool
    """Whether an image of another size is brought to `size`; otherwise it is an error."""
    class_names: tuple[str, ...] | None = None
    """What the labels number, of a split of a `Dataset`."""

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, number: int) -> str:
        """The image's file."""
        return self.files.name(number)

    def decode(self, numbers: Iterable[int], apply: Callable[..., Iterable[Tensor]] = map) -> Tensor:
        """The images of these numbers, `(n, 3, H, W)` uint8; `apply` is `map`, or a pool's. Call it within `quiet`."""
        images = list(apply(lambda number: self.fitted(read_file(self.files, number), number), numbers))
        return torch.stack(images) if images else torch.empty(0, 3, *self.size, dtype=torch.uint8)

    def fitted(self, image: Tensor, number: int) -> Tensor:
        """A decoded image, `(3, h, w)` in [0, 1], as uint8 at the split's size; raises `InputError` for another."""
        if not self.resize and image.shape[1:] != self.size:
            raise InputError(f"{self.name(number)} is of another size than the images before it; give --size")
        return (cover(image[None], self.size)[0] * 255).round().byte()

    def raw(self, index: Tensor | slice) -> Tensor:
        """The images at `index`, `(n, 3, H, W)` uint8."""
        with ThreadPoolExecutor(processors()) as pool, quiet():
            return self.decode(torch.arange(len(self))[index].tolist(), pool.map)

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        return self.raw(index).float() / 255, self.labels[index]

    def subset(self, index: Tensor, labels: Tensor) -> FileSplit:
        """The images at `index` with other labels."""
        return replace(self, files=self.files.subset(index), labels=labels)

    def order(self, generator: torch.Generator) -> Tensor:
        """A random order in which it is fast to read the files."""
        return self.files.order(generator)


def file_split(files: ImageFiles, labels: Tensor, size: int | tuple[int, int] | None) -> FileSplit:
    """A split of image files; without `size` they must all have the size of the first that can be read."""
    if size is not None:
        return FileSplit(files, labels, (size, size) if isinstance(size, int) else size, True)
    problem = InputError("there are no images")
    with quiet():
        for number in range(len(files)):
            try:
                _, height, width = read_file(files, number).shape
                return FileSplit(files, labels, (height, width), False)
            except InputError as error:
                problem = problem if number else error
    raise problem


def decoded(
    data: Dataset, memory: int, skip_unreadable: bool = False, callback: Callable[[float], None] | None = None
) -> Dataset:
    """The data set with its image files decoded, if that takes at most `memory` bytes; otherwise as it is.

    With `skip_unreadable`, image files that cannot be decoded are left out, with one warning for each split.

    Raises:
        InputError: an image that cannot be read, or that has another size; with `skip_unreadable`, a split of nothing
            else.
    """
    total = len(data.train) + len(data.test)
    fits = total * 3 * data.size[0] * data.size[1] <= memory
    if not (fits or skip_unreadable):
        return data
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if callback is not None:
            callback(done / total)

    def read(split: LabeledImages) -> LabeledImages:
        if not isinstance(split, FileSplit) or not len(split):
            return split
        images = torch.empty(len(split) if fits else 0, 3, *split.size, dtype=torch.uint8)
        kept: list[int] = []
        for numbers, pixels in _readable(split, skip_unreadable, advance):
            if fits:
                images[len(kept) : len(kept) + len(numbers)] = pixels
            kept += numbers
        index = torch.tensor(kept)
        some = split if len(kept) == len(split) else split.subset(index, split.labels[index])
        return Split(images[: len(kept)], some.labels, some.files) if fits else some

    return replace(data, train=read(data.train), test=read(data.test))


def _readable(
    split: FileSplit, skip_unreadable: bool, advance: Callable[[int], None]
) -> Iterator[tuple[list[int], Tensor]]:
    """The images of a split that can be read, as their numbers and pixels, some hundred at a time."""

    def attempt(number: int) -> Tensor | str:
        try:
            image = read_file(split.files, number)
        except InputError as error:
            if not skip_unreadable:
                raise InputError(f"{error}; remove it, or load with skip_unreadable") from None
            return str(error)
        return split.fitted(image, number)

    unreadable: list[str] = []
    with ThreadPoolExecutor(processors()) as pool:
        for first in range(0, len(split), CHUNK):
            numbers = range(first, min(first + CHUNK, len(split)))
            with quiet():
                found = list(zip(numbers, pool.map(attempt, numbers), strict=True))
            images = {number: image for number, image in found if not isinstance(image, str)}
            unreadable += [why for _, why in found if isinstance(why, str)]
            if images:
                yield list(images), torch.stack(list(images.values()))
            advance(len(numbers))
    if len(unreadable) == len(split):
        raise InputError(f"none of the {len(split)} images can be read: {unreadable[0]}")
    if unreadable:
        shown = "; ".join(unreadable[:3]) + ("; ..." if len(unreadable) > 3 else "")
        message = f"{len(unreadable)} of {len(split)} images cannot be read and are left out: {shown}"
        warn(message)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
