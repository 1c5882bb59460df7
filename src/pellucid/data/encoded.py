"""Images that stay encoded, as files or within shards, and are decoded when they are read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..base.errors import InputError
from .dataset import Dataset, Split
from .image import cover, quiet
from .source import ImageFiles, read_file

CHUNK = 512  # images that are decoded before anything is told of them


class Decoded(NamedTuple):
    """Images as they were read: `pixels` `(n, 3, H, W)` uint8, their numbers `(n,)`, and why others are not there."""

    pixels: Tensor
    numbers: Tensor
    unreadable: dict[int, str]


@dataclass(frozen=True)
class FileSplit:
    """Labeled image files, decoded when they are read, in threads.

    An image that cannot be decoded raises an `InputError` that names it. With `skip_unreadable` it is left out of what
    `raw` and `batch` return, which is then shorter than the index, and a warning names it once.
    """

    files: ImageFiles
    labels: Tensor
    """`(N,)` int64."""
    size: tuple[int, int]
    """Height and width of the images."""
    resize: bool
    """Whether an image of another size is brought to `size`; otherwise it is an error."""
    skip_unreadable: bool = False
    """Whether to go on without the images that cannot be read."""
    reported: set[int] = field(default_factory=set, compare=False)
    """The images about which there was a warning."""

    def __len__(self) -> int:
        return len(self.labels)

    def decode(self, numbers: list[int], apply: Callable[..., Iterable] = map) -> Decoded:
        """The images of these numbers; `apply` is `map`, or a pool's. Call it within `quiet`.

        Raises:
            InputError: an image of another size; or an unreadable one, unless those are to be skipped.
        """
        read = list(zip(numbers, apply(self._read_or_why, numbers), strict=True))
        images = [image for _, image in read if not isinstance(image, str)]
        kept = [number for number, image in read if not isinstance(image, str)]
        pixels = torch.stack(images) if images else torch.empty(0, 3, *self.size, dtype=torch.uint8)
        unreadable = {number: why for number, why in read if isinstance(why, str)}
        return Decoded(pixels, torch.tensor(kept, dtype=torch.int64), unreadable)

    def _read_or_why(self, number: int) -> Tensor | str:
        """One image, `(3, H, W)` uint8, or why it is skipped."""
        try:
            image = read_file(self.files, number)
        except InputError as error:
            if not self.skip_unreadable:
                raise
            return str(error)
        if not self.resize and image.shape[1:] != self.size:
            raise InputError(f"{self.files.name(number)} is of another size than the images before it; give --size")
        return (cover(image[None], self.size)[0] * 255).round().byte()

    def report(self, unreadable: dict[int, str]) -> None:
        """Warn of the unreadable images of which there was no warning yet."""
        new = {number: why for number, why in unreadable.items() if number not in self.reported}
        self.reported.update(new)
        if new:
            first = "; ".join(list(new.values())[:3]) + ("; ..." if len(new) > 3 else "")
            warnings.warn(f"{len(new)} of {len(self)} images cannot be read and are left out: {first}", stacklevel=2)

    def chunks(self, numbers: Tensor) -> Iterator[Decoded]:
        """The images of these numbers, decoded in threads, some hundred at a time; nothing is reported."""
        with ThreadPoolExecutor(processors()) as pool:
            for chunk in numbers.split(CHUNK):
                with quiet():
                    decoded = self.decode(chunk.tolist(), pool.map)
                yield decoded

    def _read(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        parts = list(self.chunks(torch.arange(len(self))[index]))
        self.report({number: why for part in parts for number, why in part.unreadable.items()})
        return torch.cat([part.pixels for part in parts]), torch.cat([part.numbers for part in parts])

    def raw(self, index: Tensor | slice) -> Tensor:
        """The images at `index`, `(n, 3, H, W)` uint8."""
        return self._read(index)[0]

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        pixels, numbers = self._read(index)
        return pixels.float() / 255, self.labels[numbers]

    def subset(self, index: Tensor, labels: Tensor) -> FileSplit:
        """The images at `index` with other labels."""
        return replace(self, files=self.files.subset(index), labels=labels, reported=set())

    def order(self, generator: torch.Generator) -> Tensor:
        """A random order in which it is fast to read the files."""
        return self.files.order(generator)

    def identity(self, count: int) -> Iterator[bytes]:
        """The names of the first `count` images, and the sizes and the times of change of their files."""
        yield str(self.size).encode()
        for text in self.files.identity(count):
            yield f"{text}\n".encode()


def file_split(
    files: ImageFiles, labels: Tensor, size: int | tuple[int, int] | None, skip_unreadable: bool
) -> FileSplit:
    """A split of image files; without `size` they must all have the size of the first that can be read."""
    if size is not None:
        height_width = (size, size) if isinstance(size, int) else size
        return FileSplit(files, labels, height_width, True, skip_unreadable)
    with quiet():
        for number in range(len(files)):
            try:
                _, height, width = read_file(files, number).shape
                return FileSplit(files, labels, (height, width), False, skip_unreadable)
            except InputError:
                if not skip_unreadable:
                    raise
    raise InputError(f"none of the {len(files)} images can be read, {files.name(0)} first")


def in_memory(data: Dataset, memory: int, callback: Callable[[float], None] | None = None) -> Dataset:
    """The data set with its image files decoded, if that takes at most `memory` bytes; otherwise as it is."""
    total = len(data.train) + len(data.test)
    if total * 3 * data.size[0] * data.size[1] > memory:
        return data
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if callback is not None:
            callback(done / total)

    train, test = (_decoded(s, advance) if isinstance(s, FileSplit) else s for s in (data.train, data.test))
    return replace(data, train=train, test=test)


def _decoded(split: FileSplit, advance: Callable[[int], None]) -> Split:
    """The images of a split in memory; one warning tells of all that cannot be read."""
    images = torch.empty(len(split), 3, *split.size, dtype=torch.uint8)
    numbers: list[Tensor] = []
    unreadable: dict[int, str] = {}
    filled = 0
    for part in split.chunks(torch.arange(len(split))):
        images[filled : filled + len(part.pixels)] = part.pixels
        filled += len(part.pixels)
        numbers.append(part.numbers)
        unreadable.update(part.unreadable)
        advance(len(part.numbers) + len(part.unreadable))
    split.report(unreadable)
    return Split(images[:filled], split.labels[torch.cat(numbers)])


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
