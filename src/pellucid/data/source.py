"""Encoded images by number, wherever they lie: single files, or places within shards."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

import torch
from torch import Tensor

from ..base.errors import InputError
from .image import decode_image, to_tensor


class ImageFiles(Protocol):
    """Encoded images by number."""

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """What messages call the image."""
        ...

    def open(self, number: int) -> BinaryIO:
        """The encoded image; may raise `OSError`."""
        ...

    def subset(self, index: Tensor) -> ImageFiles:
        """Those at `index`."""
        ...

    def order(self, generator: torch.Generator) -> Tensor:
        """A random order in which it is fast to read them all, `(N,)` int64."""
        ...

    def stamp(self, number: int) -> str:
        """What tells the image from any other without reading it: its name, and its file's size and time of change."""
        ...


def stamp(path: Path) -> str:
    """A file's size and the time of its last change; "gone" for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"


def read_file(files: ImageFiles, number: int) -> Tensor:
    """One image at its own size, `(3, H, W)` in [0, 1]; raises `InputError` if it cannot be read."""
    name = files.name(number)
    try:
        with files.open(number) as file:
            return to_tensor(decode_image(file, name))
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from None
