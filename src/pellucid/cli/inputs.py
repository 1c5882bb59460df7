"""The images that a command is given: files, images of a data set, masks, and labeled images to measure on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError, warn
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from ..data.image import cover, image_files, read_alpha, read_image
from ..data.load import load_data
from ..evaluation.classes import in_order_of
from ..synthesis.mask import box_mask
from .flags import ImageFlags


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The image files that were named, those in named folders included."""
    if not paths:
        raise InputError("name the images: --images FILE_OR_FOLDER ...")
    return [file for path in paths for file in (image_files(path) if path.is_dir() else [path])]


def read_images(files: Sequence[Path], size: int | None) -> Tensor:
    """Images as one batch, each brought to `size` x `size` (or of one size already)."""
    images = [read_image(file, size) for file in files]
    if len({image.shape for image in images}) > 1:
        raise InputError("the images have different sizes, and this classifier does not say which size it takes")
    return torch.stack(images)


def read_lightness(path: Path) -> Tensor:
    """A mask file as `(1, 1, H, W)`, by its lightness; grays stay. Raises `InputError` for a black one."""
    red, green, blue = _opaque(path)
    if not bool((red + green + blue).any()):
        raise InputError(f"the mask {path} is black everywhere; paint light where its style goes")
    return (0.299 * red + 0.587 * green + 0.114 * blue)[None, None]


def read_mask(path: Path, files: Sequence[Path], size: tuple[int, int]) -> Tensor:
    """A mask file for images that were brought to `size` (height, width): `(1, 1, H, W)`, 1 where it is white.

    Args:
        path: of the mask.
        files: of the images, each of which has the mask's own size, unless that is `size`.
        size: of the images as the classifier sees them.

    Raises:
        InputError: a mask of another size, or with transparency.
    """
    mask = _opaque(path)
    for file in files:
        own = read_image(file).shape[1:]
        if mask.shape[1:] not in (own, size):
            raise InputError(
                f"the mask {path} is {mask.shape[2]} x {mask.shape[1]} and {file} {own[1]} x {own[0]}; "
                "give a mask of the image's size"
            )
    white = (cover(mask[None], size).mean(1, keepdim=True) > 0.5).float()
    if float(white.amax()) == float(white.amin()):
        raise InputError(f"the mask {path} hides nothing or everything; paint white what is to change, the rest black")
    return white


def _opaque(path: Path) -> Tensor:
    """A mask file; raises `InputError` where it is transparent, which some programs mean as hidden and some as seen."""
    alpha = read_alpha(path)
    if alpha is not None and not bool((alpha == 1).all()):
        raise InputError(f"the mask {path} is transparent in places; paint it in black and white")
    return read_image(path)


@dataclass(frozen=True)
class RegionFlags(ImageFlags):
    """A region of each image."""

    mask: Path | None = None
    """An image of each image's size, white in the region."""
    box: tuple[int, int, int, int] | None = None
    """Left, top, width and height of the region, in pixels of the classifier's size."""

    @property
    def masks(self) -> list[Path]:
        """The mask's file, if there is one."""
        return [] if self.mask is None else [self.mask]

    def region(self, files: Sequence[Path], size: tuple[int, int]) -> Tensor | None:
        """The region as `(1, 1, H, W)`, if flags name one; see `read_mask`."""
        if self.box is not None:
            return box_mask(size, self.box)
        return None if self.mask is None else read_mask(self.mask, files, size)


@dataclass(frozen=True)
class Pictures:
    """`count` images of a data set's test split, drawn by `seed` evenly from all classes, or files.

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
        if self.count > len(split):
            raise InputError(f"{self.count} images are asked for and {self.data} has {len(split)}")
        mixed = torch.randperm(self.count, generator=torch.Generator().manual_seed(self.seed))
        chosen = drawn(split.labels, self.count, self.seed)[mixed]
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


def measured(flags: Any, classifier: Classifier) -> tuple[dict[str, Any], LabeledImages, list[str]]:
    """What the flags `data`, `grouping` and `skip_unreadable` name, in the size and the class order of a classifier.

    Returns:
        The names of the data set and the split with the warnings, as they stand in the result; the split; and the
        names of its classes.
    """
    with noted() as said:
        data = load_data(
            flags.data, classifier.size, grouping=flags.grouping, skip_unreadable=flags.skip_unreadable, measuring=True
        )
        data = in_order_of(classifier, data)
        name, split = data.measured
        if name == "train" and len(split):
            warn(
                f"{flags.data} has no test split: all of it is taken, and flatters a classifier that was trained on it"
            )
    return {"data": data.name, "split": name, "warnings": said}, split, data.class_names


@contextmanager
def noted() -> Iterator[list[str]]:
    """Yields a list of the warnings made within, for the result's file; they are shown as always."""
    said: list[str] = []
    show = warnings.showwarning

    def keep_and_show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, UserWarning):
            said.append(str(message))
        show(message, category, *where)

    with warnings.catch_warnings():
        warnings.showwarning = keep_and_show
        yield said
