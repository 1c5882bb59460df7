"""Images for a command: files that are named, or test images drawn from a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError
from ..data.dataset import LabeledImages
from ..data.load import load_data
from .common import find_images, read_images


@dataclass(frozen=True)
class Pictures:
    """`count` images of a data set's test split, chosen by `seed`, or files.

    Attributes:
        files: of the images, or none.
        data: a folder of class folders, an .npz, or torchvision:NAME, or nothing.
        count: how many images of the data.
        seed: of the choice.
    """

    files: tuple[Path, ...]
    data: str = ""
    count: int = 8
    seed: int = 0

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files whose content decides what the images are."""
        return (Path(self.data),) if Path(self.data).is_file() else self.files

    def read(self, size: int | None) -> Tensor:
        """`(N, 3, size, size)` in [0, 1]."""
        if self.files:
            return read_images(self.files, size)
        return self.drawn(size)[1].batch(slice(None))[0]

    def drawn(self, size: int | None) -> tuple[str, LabeledImages]:
        """The images of the data, after the name of the split that they come from."""
        data = load_data(self.data, size)
        name, split = data.measured
        order = torch.randperm(len(split), generator=torch.Generator().manual_seed(self.seed))
        if self.count > len(split):
            raise InputError(f"{self.count} images are asked for and {self.data} has {len(split)}")
        chosen = order[: self.count]
        return name, split.subset(chosen, split.labels[chosen])


def pictures(images: Sequence[Path], data: str, count: int, seed: int) -> Pictures:
    """The images that flags name, which are either files or a data set's."""
    if images and data:
        raise InputError("name either images or data, not both")
    if data:
        if count < 1:
            raise InputError(f"--count must be at least 1, not {count}")
        return Pictures((), data, count, seed)
    return Pictures(tuple(find_images(images)))
